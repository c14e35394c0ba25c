"""Charts as SVG, drawn by hand: no library in the page, nothing fetched, readable in print."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 720
HEIGHT: Final = 220
LEFT: Final = 64
RIGHT: Final = 16
TOP: Final = 14
BOTTOM: Final = 36
COLOURS: Final = ("#1f5fbf", "#c0392b", "#7a7a7a")
TICKS: Final = 5


class Series(NamedTuple):
    """One line of a chart."""

    name: str
    points: Sequence[tuple[float, float]]


class _Frame(NamedTuple):
    """Where values lie on the picture."""

    x_min: float
    x_max: float
    y_max: float

    def x(self, value: float) -> float:
        span = (self.x_max - self.x_min) or 1.0
        return LEFT + (value - self.x_min) / span * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.y_max * (HEIGHT - TOP - BOTTOM)


def draw_lines(
    series: Sequence[Series], x_name: str, y_name: str, labels: Sequence[str] = ()
) -> str:
    """Lines over one axis, from 0 upwards; `labels` are what its whole numbers stand for."""
    points = [point for one in series for point in one.points]
    if not points:
        return ""
    xs = [x for x, _ in points]
    frame = _Frame(min(xs), max(xs), _round_up(max(y for _, y in points)))
    body = [*_draw_axes(frame, x_name, y_name, labels)]
    for number, (name, line) in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in line)
        body.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{path}"/>')
        body.append(_text(LEFT + 8 + 110 * number, TOP + 4, name, "start", colour))
    return _wrap(body, HEIGHT)


def draw_bars(bars: Sequence[tuple[str, float]]) -> str:
    """Bars below each other, each with its name and its number."""
    if not bars:
        return ""
    row, begin = 20, 250
    highest = max(value for _, value in bars) or 1.0
    body = []
    for number, (name, value) in enumerate(bars):
        y = number * row
        length = value / highest * (WIDTH - begin - 90)
        body.append(_text(begin - 8, y + 14, name, "end"))
        body.append(
            f'<rect x="{begin}" y="{y + 4}" width="{max(length, 1):.1f}" height="12" '
            f'fill="{COLOURS[0]}"/>'
        )
        body.append(_text(begin + length + 6, y + 14, f"{value:,.0f}", "start"))
    return _wrap(body, len(bars) * row + 4)


def _draw_axes(frame: _Frame, x_name: str, y_name: str, labels: Sequence[str]) -> Iterator[str]:
    for place, label in enumerate(labels):
        yield _text(frame.x(place), HEIGHT - BOTTOM + 14, label, "middle")
    for tick in range(TICKS + 1):
        value = frame.y_max * tick / TICKS
        y = frame.y(value)
        yield (
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>'
        )
        yield _text(LEFT - 6, y + 4, f"{value:,.6g}", "end")
        if not labels:
            at = frame.x_min + (frame.x_max - frame.x_min) * tick / TICKS
            yield _text(frame.x(at), HEIGHT - BOTTOM + 14, f"{at:,.4g}", "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_name, "middle")
    yield _text(WIDTH - RIGHT, TOP + 4, y_name, "end")


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333333") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"


def _wrap(body: Sequence[str], height: int) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="11">{"".join(body)}</svg>'
    )


def _round_up(value: float) -> float:
    """The next number that begins with 1, 2 or 5 and zeros."""
    step = 1e-3
    while True:
        for factor in (1, 2, 5):
            if value <= step * factor:
                return step * factor
        step *= 10
