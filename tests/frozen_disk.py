"""A disk that freezes: every sync of a real server waits until the test lets it go on.

The kernel asks the holder of the filter's listener before each `fsync` and `fdatasync` (seccomp's
user notification, Linux 5.5 and later). That needs neither root nor a compiler. Run as a program,
this file puts the filter on itself, sends the listener to the test, and becomes the server.
"""

import ctypes
import fcntl
import os
import platform
import select
import socket
import struct
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

_SECCOMP, _FSYNC, _FDATASYNC = {"x86_64": (317, 74, 75), "aarch64": (277, 82, 83)}.get(
    platform.machine(), (0, 0, 0)
)
_PR_SET_NO_NEW_PRIVS: Final = 38
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ASK, _ALLOW = 0x7FC0_0000, 0x7FFF_0000
_RECEIVE, _SEND = 0xC050_2100, 0xC018_2101
_NOTIFICATION_BYTES: Final = 80
_GO_ON: Final = 1


class FrozenDisk:
    """What syncs through it waits while it is frozen; `program` starts what is to sync."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self._address = str(Path(self._directory.name, "listener"))
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self._address)
        self._socket.listen()
        self._thaw = threading.Event()
        self._thaw.set()
        self.waiting = threading.Event()
        """Set once a sync waits for the disk to thaw."""
        threading.Thread(target=self._accept, daemon=True).start()

    def program(self, *command: object) -> list[object]:
        """The command that runs another one on this disk."""
        return [sys.executable, __file__, self._address, *command]

    def freeze(self) -> None:
        """No sync ends from now on."""
        self.waiting.clear()
        self._thaw.clear()

    def thaw(self) -> None:
        """All go on."""
        self._thaw.set()

    def close(self) -> None:
        """Let everything go on, and forget the way here."""
        self.thaw()
        self._socket.close()
        self._directory.cleanup()

    def _accept(self) -> None:
        """Serve the listener of every process that starts."""
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            with connection:
                _, (listener,), _, _ = socket.recv_fds(connection, 1, 1)
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: int) -> None:
        """Let syncs go on, until the processes that may make some have ended."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while True:
            ((_, events),) = poll.poll()
            if events & select.POLLHUP:
                break
            notification = bytearray(_NOTIFICATION_BYTES)
            with suppress(OSError):  # the process was killed meanwhile
                fcntl.ioctl(listener, _RECEIVE, notification)
                if not self._thaw.is_set():
                    self.waiting.set()
                    self._thaw.wait()
                (number,) = struct.unpack_from("=Q", notification)
                fcntl.ioctl(listener, _SEND, struct.pack("=QqiI", number, 0, 0, _GO_ON))
        os.close(listener)


def _filter_syncs() -> int:
    """Have the kernel ask before every sync of this process; the descriptor that is asked."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps = (
        (_LOAD, 0, 0, 0),
        (_JUMP_IF_EQUAL, 1, 0, _FSYNC),
        (_JUMP_IF_EQUAL, 0, 1, _FDATASYNC),
        (_RETURN, 0, 0, _ASK),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("=HxxxxxxQ", len(steps), ctypes.addressof(code))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener: int = libc.syscall(_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER, program)
    assert listener >= 0, os.strerror(ctypes.get_errno())
    return listener


if __name__ == "__main__":
    listener = _filter_syncs()
    with socket.socket(socket.AF_UNIX) as test:
        test.connect(sys.argv[1])
        socket.send_fds(test, [b"x"], [listener])
    os.close(listener)
    os.execv(sys.argv[2], sys.argv[2:])
