"""A lane for demonstrations: type a gate and a medium, see the passenger's screen."""

from typing import Final

from rich.align import Align
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from fare_engine.network import Direction
from fare_engine.versions import find_in_force
from gates.controller import Passage
from gates.errors import GatesError, MediumUnreadable
from gates.lines import Lane, read_lines
from gates.screen import Screen, show_passage, show_refusal
from gates.station import Station
from gates.times import now_ms

_DIRECTION_WORDS: Final = {Direction.ENTRY: ("进站", "entry"), Direction.EXIT: ("出站", "exit")}
_CARD_NUMBER: Final = "31048705123456{:02}"
_HELP: Final = (
    "输入 闸机编号 和 票卡，例如 1 a（字母 a–z 是演示用天府通卡，也可输入 tianfutong:卡号 或 "
    "code:乘车码）\nn：刚才无人通过　s：状态　?：闸机列表　q：退出"
)


class Keyboard:
    """The keyboard lane of a station."""

    def __init__(self, station: Station, console: Console) -> None:
        self._station = station
        self._console = console
        self._lane = Lane(station, self._show)
        self._lanes: list[tuple[str, Direction]] = []
        self._latest_gate = ""

    async def run(self) -> None:
        """Carry out commands as they are typed, until q or the end of input."""
        self._show_gates()
        async for line in read_lines():
            words = line.split()
            if words == ["q"]:
                return
            if words == ["?"]:
                self._show_gates()
            elif words:
                await self._carry_out(line)

    async def _carry_out(self, line: str) -> None:
        try:
            answer = await self._lane.carry_out(self._spell_out(line))
        except MediumUnreadable as error:
            self._console.print(render(show_refusal(error.code)))
        except GatesError as error:
            self._console.print(str(error), style="red", markup=False)
        else:
            if answer is not None and "gate_action" not in answer:
                self._console.print(answer)

    def _spell_out(self, line: str) -> str:
        """The typed command as a line of a script."""
        match line.rstrip("\r\n").split(maxsplit=1):
            case ["n"]:
                return f"not-passed {self._latest_gate}"
            case ["s"]:
                return "status"
            case [number, medium] if number.isdecimal() and 0 < int(number) <= len(self._lanes):
                gate_id, direction = self._lanes[int(number) - 1]
                if len(medium) == 1 and "a" <= medium <= "z":
                    medium = "tianfutong:" + _CARD_NUMBER.format(ord(medium) - ord("a"))
                return f"{gate_id} {_DIRECTION_WORDS[direction][1]} {medium}"
        return line

    def _show(self, passage: Passage) -> None:
        self._latest_gate = passage.gate_id
        self._console.print(render(show_passage(passage), passage.gate_id))

    def _show_gates(self) -> None:
        current = self._station.controller.parameters.current
        if current is None:
            self._console.print(
                "尚未收到参数：请输入 闸机号 entry|exit 票卡，例如 FHY-A-01 entry tianfutong:…"
            )
            return
        policy = find_in_force(current.policies, now_ms())
        designated = policy.designated_gates if policy else frozenset()
        self._lanes = [
            (gate_id, direction)
            for gate_id, gate in sorted(current.gates.items())
            for direction in sorted(gate.directions)
        ]
        table = Table(title=f"{current.station_name.zh}站", title_justify="left")
        for heading in ("编号", "闸机", "方向", "同站过街专用通道"):
            table.add_column(heading)
        for number, (gate_id, direction) in enumerate(self._lanes, 1):
            mark = "是" if gate_id in designated else ""
            table.add_row(str(number), gate_id, _DIRECTION_WORDS[direction][0], mark)
        self._console.print(table)
        self._console.print(_HELP, highlight=False)


def render(screen: Screen, gate_id: str = "") -> Panel:
    """A screen as it is drawn on a terminal."""
    colour = "green" if screen.opens else "red"
    sign = "↑" if screen.opens else "✕"
    lines = [Text(f"{sign} {screen.headline} {sign}", style=f"bold {colour}")]
    lines += [Text(line) for line in (screen.fare, screen.note) if line]
    if screen.offline:
        lines.append(Text("（离线）", style="dim"))
    centred = Group(*(Align.center(line) for line in lines))
    return Panel(centred, title=gate_id or None, border_style=colour, width=44)
