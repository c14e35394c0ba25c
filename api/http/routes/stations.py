"""Stations: the network as gate makers, operators and the console read it."""

from collections.abc import Mapping

from fastapi import APIRouter

from api.contract.operators import ExitAnswer, Page, StationAnswer
from api.contract.paging import Cursor, Limit, page_of_values
from api.http.auth import TheRuntime
from api.runtime.service import now_ms
from api.views.catalogue import view_gate, view_name, view_policy
from api.views.explanations import view_modes
from fare_engine.catalogue import Catalogue
from fare_engine.network import Network, Station
from fare_engine.versions import find_in_force

router = APIRouter(prefix="/v1/stations", tags=["stations"])


@router.get("")
async def list_stations(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[StationAnswer]:
    """All stations, in the order of the network."""
    catalogue = runtime.catalogue
    views = StationViews(catalogue, now_ms())
    return page_of_values(
        catalogue.network.stations,
        limit,
        cursor,
        lambda station: station.station_id,
        views.view,
    )


@router.get("/{station_id}")
async def get_station(station_id: str, runtime: TheRuntime) -> StationAnswer:
    """One station: its lines, exits and gates, the policy in force and the next one."""
    catalogue = runtime.catalogue
    return StationViews(catalogue, now_ms()).view(catalogue.get_station(station_id))


class StationViews:
    """Views of stations as they stand at an instant."""

    def __init__(self, catalogue: Catalogue, at_ms: int) -> None:
        self._catalogue = catalogue
        self._at_ms = at_ms
        self._lines = _line_names(catalogue.network)

    def view(self, station: Station) -> StationAnswer:
        """One station."""
        catalogue, network, at_ms = self._catalogue, self._catalogue.network, self._at_ms
        station_id = station.station_id
        policies = catalogue.list_policies(station_id)
        policy = find_in_force(policies, at_ms)
        coming = [version for version in policies if version.effective_from_ms > at_ms]
        next_policy = min(
            coming, key=lambda version: (version.effective_from_ms, -version.version), default=None
        )
        zone = network.time_zone
        return StationAnswer(
            station_id=station_id,
            name=view_name(station.name),
            lines=self._lines.get(station_id, []),
            exits=[
                ExitAnswer(exit_id=exit_.exit_id, name=view_name(exit_.name))
                for exit_ in network.exits
                if exit_.station_id == station_id
            ],
            gates=[view_gate(gate, policy) for gate in catalogue.list_gates(station_id, at_ms)],
            policy=view_policy(policy, zone) if policy else None,
            next_policy=view_policy(next_policy, zone) if next_policy else None,
            suspended=catalogue.find_suspension(station_id, at_ms) is not None,
            degraded_modes=view_modes(catalogue.find_modes(station_id, at_ms)),
        )


def _line_names(network: Network) -> Mapping[str, list[str]]:
    """The Chinese names of the lines that stop at each station, in the network's order."""
    names: dict[str, list[str]] = {}
    for line in network.lines:
        for segment in network.segments:
            if segment.line_id == line.line_id:
                for station_id in (segment.from_station_id, segment.to_station_id):
                    stops = names.setdefault(station_id, [])
                    if line.name.zh not in stops:
                        stops.append(line.name.zh)
    return names
