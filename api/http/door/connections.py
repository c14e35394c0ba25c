"""Open connections: how many there may be, which one makes room, and what they hold without a key.

Where there are too many connections, of one peer or in all, the one that is open longest and has
not presented a valid key makes room for the new one: of those that were never answered anything,
while there are many of them. So a client that asks for health, or has a key, is served, and no
connection with a key is closed for one without.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final, Protocol

from api.runtime.connection_counts import ConnectionCounts
from api.runtime.peers import name_host

KEPT_WITHOUT_KEY: Final = 64
"""Of so many connections, one is kept for those without a key."""
_MANY: Final = 4
"""Of so many connections one that was never answered is enough to make room first."""


class Connection(Protocol):
    """What is asked of a connection here."""

    held_bytes: int

    def check(self, now: float) -> None:
        """Look whether its deadline is over, and act on it."""

    def drop(self, limit: str) -> None:
        """Close at once, without an answer; `limit` is the setting for whose sake."""


class _WithoutKey:
    """Those without a key in the order in which they came, the answered ones apart."""

    def __init__(self) -> None:
        self._fresh: OrderedDict[Connection, None] = OrderedDict()
        self._answered: OrderedDict[Connection, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._fresh) + len(self._answered)

    def __contains__(self, connection: Connection) -> bool:
        return connection in self._fresh or connection in self._answered

    def __iter__(self) -> Iterator[Connection]:
        return chain(self._fresh, self._answered)

    def add(self, connection: Connection) -> None:
        self._fresh[connection] = None

    def move(self, connection: Connection) -> None:
        """It has been answered for the first time."""
        if self._fresh.pop(connection, self) is None:
            self._answered[connection] = None

    def remove(self, connection: Connection) -> None:
        self._fresh.pop(connection, None)
        self._answered.pop(connection, None)

    def drop_oldest(self, connections_max: int, limit: str) -> None:
        """Close the one that is to make room.

        Where all have keys, the new one is let in above the limit: it is answered once.
        """
        are_many = len(self._fresh) > connections_max // _MANY
        oldest = self._fresh if are_many or not self._answered else self._answered
        if oldest:
            next(iter(oldest)).drop(limit)


class _Peer:
    """The connections of one address."""

    def __init__(self) -> None:
        self.total = 0
        self.without_key = _WithoutKey()


class Connections:
    """Every open connection, with its peer and whether it has presented a valid key.

    `is_proxy` says of which addresses the peers behind are not known: they have no limit of theirs.
    """

    def __init__(
        self,
        *,
        connections_max: int,
        per_peer_max: int,
        unauthenticated_bytes_max: int,
        counts: ConnectionCounts,
        is_proxy: Callable[[str], bool],
    ) -> None:
        self._connections_max = connections_max
        self._with_key_max = connections_max - connections_max // KEPT_WITHOUT_KEY
        self._per_peer_max = per_peer_max
        self._bytes_max = unauthenticated_bytes_max
        self._counts = counts
        self._is_proxy = is_proxy
        self._names: dict[Connection, str] = {}
        self._peers: dict[str, _Peer] = {}
        self._without_key = _WithoutKey()
        self._held_bytes = 0

    def admit(self, connection: Connection, host: str | None) -> None:
        """Take in a connection that was just opened, and have another one make room for it."""
        name = name_host(host)
        peer = self._peers.get(name) or self._peers.setdefault(name, _Peer())
        if peer.total >= self._per_peer_max and not (host and self._is_proxy(host)):
            peer.without_key.drop_oldest(self._per_peer_max, "connections_per_peer_max")
        if len(self._names) >= self._connections_max:
            self._without_key.drop_oldest(self._connections_max, "connections_max")
        self._peers[name] = peer  # it may have gone with its last connection
        peer.total += 1
        self._names[connection] = name
        peer.without_key.add(connection)
        self._without_key.add(connection)
        self._count()

    def list_all(self) -> list[Connection]:
        """All that are open."""
        return list(self._names)

    def know(self, connection: Connection) -> bool:
        """Note that it has presented a valid key; whether it may stay open behind its answer.

        There is no room for one more where all others have keys too: then it may not.
        """
        if connection not in self._without_key:
            return True
        peer = self._peers[self._names[connection]]
        self._without_key.remove(connection)
        peer.without_key.remove(connection)
        self._held_bytes -= connection.held_bytes
        self._count()
        if self._counts.with_key > self._with_key_max:
            return False
        return peer.total - len(peer.without_key) <= self._per_peer_max

    def note_answered(self, connection: Connection) -> None:
        """Note that a connection without a key was answered something that needs none."""
        if connection in self._without_key:
            self._without_key.move(connection)
            self._peers[self._names[connection]].without_key.move(connection)

    def hold(self, connection: Connection, held_bytes: int) -> None:
        """Note how much a connection makes the server hold.

        Where those without a key hold too much together, the one that holds most makes room.
        """
        if connection not in self._without_key:
            return
        self._held_bytes += held_bytes - connection.held_bytes
        connection.held_bytes = held_bytes
        while self._held_bytes > self._bytes_max:
            largest = max(self._without_key, key=lambda one: one.held_bytes)
            largest.drop("unauthenticated_bytes_max")

    def forget(self, connection: Connection) -> None:
        """Let go of a connection that is closed, or will be at once; again does nothing."""
        name = self._names.pop(connection, None)
        if name is None:
            return
        peer = self._peers[name]
        peer.total -= 1
        if connection in self._without_key:
            self._without_key.remove(connection)
            peer.without_key.remove(connection)
            self._held_bytes -= connection.held_bytes
        if not peer.total:
            del self._peers[name]
        self._count()

    def _count(self) -> None:
        self._counts.without_key = len(self._without_key)
        self._counts.with_key = len(self._names) - len(self._without_key)
