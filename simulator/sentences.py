"""What became of a passenger, in a sentence."""

from typing import Any

from simulator.world.metro import Metro


class Names:
    """Stations and gates as passengers call them."""

    def __init__(self, metro: Metro) -> None:
        stations = [metro.stations[place] for place in metro.gate_stations]
        self._stations = dict(zip(metro.gate_ids, stations, strict=True))

    def station(self, gate_id: str) -> str:
        """The station of a gate: 孵化园."""
        return self._stations[gate_id].name

    def gate(self, gate_id: str) -> str:
        """A gate without its station: A-01."""
        return gate_id.removeprefix(f"{self._stations[gate_id].station_id}-")

    def format_tap(self, body: dict[str, Any], answer: dict[str, Any]) -> str:
        """A tap that was no entry, and its answer."""
        gate_id, journey = body["gate_id"], answer["journey"]
        leaving = self.gate(gate_id)
        if journey is None:
            did = "opens" if answer["gate_action"] == "open" else "stays shut"
            at, place = body["occurred_at"][11:19], self.station(gate_id)
            return f"{at} {place} {leaving}: {answer['reason']}, the gate {did}"
        entered_by = journey["entry_tap_id"].partition(".")[0]
        if self.station(entered_by) != self.station(gate_id):
            leaving = f"{self.station(gate_id)} {leaving}"
        minutes, ms = divmod(journey["elapsed_ms"], 60_000)
        what = f"charged {answer['fare'] / 100:.2f} CNY ({answer['reason']})"
        if answer["outcome"] == "waived":
            what = f"waived {answer['fare_waived'] / 100:.2f} CNY"
        return (
            f"{journey['entered_at'][11:19]} {self.station(entered_by)} {self.gate(entered_by)} → "
            f"{leaving}, {minutes} min {ms // 1_000} s: {what}"
        )
