"""A relay in front of any TCP server: it counts what the server sends, and holds it back on cue."""

from __future__ import annotations

import contextlib
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Relay:
    """``port`` is where it listens; ``sent`` counts the bytes from the server that it passed on, by connection.

    ``hold``: of connections to come it passes on so many bytes, and no more.
    """

    def __init__(self, port: int) -> None:
        self.sent: list[int] = []
        self.hold: int | None = None
        self._behind = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="asyncfetch-relay")
        self._threads.append(thread)
        thread.start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: it is over
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._behind))
                self._open += [near, far]
                self.sent.append(0)
                self.start(self._ask, near, far)
                self.start(self._answer, far, near, len(self.sent) - 1, self.hold)

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65_536):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    def _answer(self, far: socket.socket, near: socket.socket, number: int, hold: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65_536):
                passed = data if hold is None else data[: hold - self.sent[number]]
                self.sent[number] += len(passed)
                near.sendall(passed)
            near.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()


@contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Stand in front of a port on loopback until the block ends."""
    one = Relay(port)
    one.start(one.accept)
    try:
        yield one
    finally:
        one.close()
