"""What the system has not brought to a client yet: it takes megabytes that nobody reads."""

import asyncio
from array import array
from fcntl import ioctl
from termios import TIOCOUTQ


def count_unsent(transport: asyncio.Transport) -> int:
    """Bytes that were handed to the system and that the client's side has not confirmed."""
    socket = transport.get_extra_info("socket")
    count = array("i", [0])
    try:
        ioctl(socket.fileno(), TIOCOUTQ, count)
    except OSError:  # closed by now, or a system that cannot say
        return 0
    return count[0]
