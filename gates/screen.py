"""What the screen of a gate shows the passenger, in Chinese: a headline and a note."""

from typing import Final, NamedTuple

from fare_engine.network import Direction
from gates.controller import Passage

_COUNTER: Final = "请到客服中心处理"
_SETTLED_LATER: Final = "费用稍后结算"

_OPEN_NOTES: Final = {
    "entry_repeated": "已重新进站",
    "entry_superseded": "上次行程缺出站记录，" + _COUNTER,
    "same_station_within_window": "同站过街，免费通行",
    "emergency": "紧急放行，不扣费",
    "station_not_in_pilot": "同站进出",
    "medium_not_eligible": "此票种不享受同站过街",
    "gate_not_designated": "未走同站过街专用通道",
    "window_exceeded": "已超过同站过街免费时限",
    "daily_limit_reached": "今日同站过街次数已用完",
    "overstay": "站内停留超时",
    "no_open_entry": _SETTLED_LATER,
    "entry_expired": _SETTLED_LATER,
    "rules_unknown": _SETTLED_LATER,
}
_SHUT_NOTES: Final = {
    "no_open_entry": "无进站记录，" + _COUNTER,
    "entry_expired": "进站记录已过期，" + _COUNTER,
    "ride_code_invalid": "乘车码无效",
    "ride_code_expired": "乘车码已过期，请刷新",
    "ride_code_replayed": "乘车码已使用，请刷新",
    "medium_blocked": "票卡已停用，" + _COUNTER,
    "out_of_order": "设备故障，请走其他通道",
    "medium-unreadable": "无法识别，请重刷",
}


class Screen(NamedTuple):
    """What a screen shows: a headline, the fare, and a note."""

    opens: bool
    headline: str
    fare: str
    note: str
    offline: bool


def show_passage(passage: Passage) -> Screen:
    """The screen of a passage."""
    if not passage.opens:
        return show_refusal(passage.reason, offline=passage.alone)
    note = _OPEN_NOTES.get(passage.reason, "")
    if passage.elapsed_ms is not None:
        note = "，".join(
            part for part in (note, f"用时{format_duration(passage.elapsed_ms)}") if part
        )
    fare = f"扣费 {format_money(passage.fare)}" if passage.fare else ""
    if passage.fare_waived:
        fare = f"免扣 {format_money(passage.fare_waived)}"
    headline = "请进站" if passage.direction == Direction.ENTRY else "请出站"
    return Screen(True, headline, fare, note, passage.alone)


def show_refusal(reason: str, *, offline: bool = False) -> Screen:
    """The screen of a gate that stays shut."""
    return Screen(False, "禁止通行", "", _SHUT_NOTES.get(reason, _COUNTER), offline)


def format_money(fen: int) -> str:
    """An amount in yuan: ¥1.80."""
    return f"¥{fen // 100}.{fen % 100:02}"


def format_duration(duration_ms: int) -> str:
    """A duration: 3分32秒."""
    minutes, seconds = divmod(duration_ms // 1_000, 60)
    return f"{minutes}分{seconds}秒" if minutes else f"{seconds}秒"
