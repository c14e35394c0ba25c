"""Which connection makes room, and what those without a key may hold together."""

from api.http.door.connections import Connections
from api.runtime.connection_counts import ConnectionCounts


class Line:
    """A connection that notes why it was closed."""

    def __init__(self, connections: Connections, host: str = "192.0.2.1") -> None:
        self.held_bytes = 0
        self.dropped: str | None = None
        self._connections = connections
        connections.admit(self, host)

    def check(self, now: float) -> None: ...

    def drop(self, limit: str) -> None:
        self.dropped = limit
        self._connections.forget(self)


def make(
    connections_max: int = 4, per_peer_max: int = 100, unauthenticated_bytes_max: int = 1_000
) -> Connections:
    return Connections(
        connections_max=connections_max,
        per_peer_max=per_peer_max,
        unauthenticated_bytes_max=unauthenticated_bytes_max,
        counts=ConnectionCounts(),
        is_proxy=lambda host: host == "10.0.0.1",
    )


def test_the_oldest_without_a_key_makes_room() -> None:
    connections = make()
    known, *others = [Line(connections) for _ in range(4)]
    assert connections.know(known)
    Line(connections)
    Line(connections)
    assert [line.dropped for line in (known, *others)] == [
        None,
        "connections_max",
        "connections_max",
        None,
    ]


def test_without_a_key_those_never_answered_make_room_first_while_they_are_many() -> None:
    connections = make(connections_max=8)
    answered = [Line(connections) for _ in range(4)]
    for line in answered:
        connections.note_answered(line)
    fresh = [Line(connections) for _ in range(4)]
    for _ in range(2):
        connections.note_answered(Line(connections))
    assert [line.dropped is not None for line in fresh] == [True, True, False, False]
    Line(connections)  # as few wait for their first answer now as shall have time for it
    assert [line.dropped is not None for line in answered] == [True, False, False, False]


def test_a_peer_makes_room_for_its_own_alone_and_a_proxy_has_no_limit() -> None:
    connections = make(connections_max=100, per_peer_max=2)
    other = Line(connections, "192.0.2.2")
    mine = [Line(connections, "192.0.2.1") for _ in range(3)]
    proxied = [Line(connections, "10.0.0.1") for _ in range(9)]
    assert mine[0].dropped == "connections_per_peer_max"
    assert not any(line.dropped for line in (other, *mine[1:], *proxied))


def test_a_peer_of_one_connection_may_open_another() -> None:
    connections = make(per_peer_max=1)
    first, second = Line(connections), Line(connections)
    assert (first.dropped, second.dropped) == ("connections_per_peer_max", None)
    connections.forget(second)
    connections.forget(second)
    assert connections.list_all() == []


def test_no_connection_with_a_key_is_closed_for_another_and_the_last_may_not_stay() -> None:
    connections = make(connections_max=3)
    known = [Line(connections) for _ in range(3)]
    assert all(map(connections.know, known))
    late = Line(connections)
    assert not connections.know(late)
    assert not any(line.dropped for line in (*known, late))


def test_of_many_connections_some_are_kept_for_those_without_a_key() -> None:
    connections = make(connections_max=128, per_peer_max=1_000)
    assert [connections.know(Line(connections)) for _ in range(127)] == [True] * 126 + [False]


def test_the_one_without_a_key_that_holds_most_goes_first() -> None:
    connections = make()
    small, large, known = [Line(connections) for _ in range(3)]
    connections.hold(known, 400)
    connections.know(known)
    connections.hold(known, 10**9)
    connections.hold(small, 400)
    connections.hold(large, 600)
    assert large.dropped is None
    connections.hold(small, 401)
    assert [line.dropped for line in (small, large, known)] == [
        None,
        "unauthenticated_bytes_max",
        None,
    ]
    connections.hold(small, 1_000)
    assert small.dropped is None
