"""What the server counts of its connections, for `/metrics`."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class ConnectionCounts:
    """Kept by the HTTP server, read by the metrics. A limit is named as its setting is."""

    refused: Counter[str] = field(default_factory=Counter)
    """Requests refused for a limit or a deadline."""
    closed: Counter[str] = field(default_factory=Counter)
    """Connections closed by the server without an answer, by the limit that closed them."""
    accepts_failed: int = 0
    with_key: int = 0
    """Open connections that have presented a valid key."""
    without_key: int = 0
    """Open connections that have not."""
