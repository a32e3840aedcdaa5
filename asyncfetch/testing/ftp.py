"""FtpServer: a real FTP server on loopback (pyftpdlib) in a thread of its own: plain, or under TLS; wrong on cue.

>>> from asyncfetch.testing import Cut, FtpServer
>>> with FtpServer() as server:
...     whole = server.serve("folder/a b.txt", b"hello")
...     flaky = server.serve("b", bytes(1_000), faults=[Cut(100), None])
...     whole.url == server.url("folder/a b.txt"), flaky.sent
(True, 0)

* ``server.serve(name, data, faults=[...])`` writes a file and gives a `FtpFile`; each RETR of it takes the next cue: a
  `Cut`, `Reset` or `Stall`, whose ``at`` counts bytes of that transfer, a `Throttle`, or None.
* ``server.reply("SIZE", "550 no", times=2)`` answers the next such commands so, in place of doing them; after a 421 it
  closes the connection. ``server.withdraw("MLSD")`` takes a command away, as on servers that never had it.
* ``server.commands`` lists what was asked, as (command, argument), passwords left out; ``server.sent`` and
  ``file.sent`` count bytes of files; ``server.connections`` counts control connections.
* ``FtpServer(tls=Authority())`` demands explicit TLS of control and data connections, with ``implicit=True`` TLS from
  the first byte on; ``settings`` is what a client needs to reach it, but for the authority.
* ``certificate``: what its certificate is to be, in the words of `Authority.server_context` (names, expired).
* ``user`` and ``password``: who may log in, beside anonymous unless ``anonymous=False``.

Rule of pyftpdlib: it does not demand that data connections resume the TLS session. The servers of ``tests/servers`` do.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from .._model.settings import Ftp, Settings
from .far_ends import FarEnd
from .faults import Cut, Reset, Stall, Throttle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType
    from typing import Any

    from .certificates import Authority

    Cue = Cut | Reset | Stall | Throttle | None

__all__ = ["FtpFarEnd", "FtpFile", "FtpServer", "FtpsFarEnd"]

_EPOCH = 1_600_000_000  # the time of the first file, in seconds; each later one is a second younger


class FtpFile:
    """A file that is served, and what was sent of it; ``sent`` counts bytes handed to the kernel."""

    def __init__(self, url: str, path: str, faults: Iterable[Cue]) -> None:
        self.url = url
        self.path = path
        self.sent = 0
        self._cues = deque(faults)

    def cue(self, *cues: Cue) -> None:
        """Add cues for the transfers to come."""
        self._cues.extend(cues)

    def next_cue(self) -> Cue:
        """Take the cue that is due; for the server."""
        return self._cues.popleft() if self._cues else None


class FtpServer:
    """pyftpdlib's server; started by entering, stopped and joined by leaving."""

    def __init__(
        self,
        *,
        tls: Authority | None = None,
        implicit: bool = False,
        host: str = "127.0.0.1",
        user: str = "user",
        password: str = "pass",
        anonymous: bool = True,
        encoding: str = "utf-8",
        certificate: Mapping[str, Any] | None = None,
    ) -> None:
        self.host = host
        self.port = 0
        self.user, self.password, self.anonymous = user, password, anonymous
        self.encoding = encoding
        self.scheme = "ftp" if tls is None else "ftps"
        self.settings = Settings(ftp=Ftp(encoding=encoding, tls="implicit" if implicit else "explicit"))
        self.commands: list[tuple[str, str]] = []
        self.connections = 0
        self.sent = 0
        self.files: dict[str, FtpFile] = {}
        self._tls, self._implicit = tls, implicit
        self._certificate = dict(certificate or {})
        self._replies: dict[str, deque[str]] = {}
        self._withdrawn: set[str] = set()
        self._time = _EPOCH
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    # --- what is served

    def serve(self, name: str, data: bytes, *, faults: Iterable[Cue] = (), modified: int | None = None) -> FtpFile:
        """Write a file; ``modified`` is its time in seconds, a second after the last one's unless given."""
        path = os.path.join(self.folder, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        self._time += 1
        when = self._time if modified is None else modified
        os.utime(path, (when, when))
        served = FtpFile(self.url(name), path, faults)
        self.files[os.path.realpath(served.path)] = served
        return served

    def url(self, name: str, *, user: str | None = None, password: str | None = None) -> str:
        """Give the URL of a name; with user and password where anonymous is not let in, or where they are given."""
        if user is None and not self.anonymous:
            user, password = self.user, self.password
        secret = "" if password is None else ":" + quote(password, safe="")
        who = "" if user is None else f"{quote(user, safe='')}{secret}@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{who}{host}:{self.port}/{quote(name)}"

    def reply(self, command: str, line: str, *, times: int = 1) -> None:
        """Answer the next such commands with this line, code first, in place of doing them."""
        self._replies.setdefault(command, deque()).extend([line] * times)

    def withdraw(self, *commands: str) -> None:
        """Know these commands no more: 502."""
        self._withdrawn.update(commands)

    def canned(self, command: str) -> str | None:
        """Take the reply that is due in place of doing a command; for the server."""
        waiting = self._replies.get(command)
        if waiting:
            return waiting.popleft()
        return f"502 {command} is not known here." if command in self._withdrawn else None

    @property
    def folder(self) -> str:
        """The folder that is served."""
        return self._folder

    # --- life

    def __enter__(self) -> Self:
        from ._ftp_handlers import make_server

        with ExitStack() as stack:  # undone if it cannot be finished
            self._folder = os.path.realpath(stack.enter_context(tempfile.TemporaryDirectory()))
            pair = None
            if self._tls is not None:
                place = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "pair.pem")
                pair = self._tls.write_server_certificate(
                    place, *self._certificate.get("names", ()), expired=self._certificate.get("expired", False)
                )
            self._server = make_server(self, pair, implicit=self._implicit)
            self._stack = stack.pop_all()
        self.port = self._server.address[1]
        self._thread = threading.Thread(target=self._run, name="asyncfetch-testing-ftp")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        with suppress(OSError):  # a connection, to wake it up
            socket.create_connection((self.host, self.port), timeout=1).close()
        assert self._thread is not None
        self._thread.join()
        self._stack.close()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                due = self._server.ioloop.sched.poll()  # seconds until a throttled connection goes on
                wait = 1.0 if due is None else min(due, 1.0)
                self._server.serve_forever(timeout=wait, blocking=False, handle_exit=False)
        finally:
            self._server.close_all()


class FtpFarEnd(FarEnd):
    """An `FtpServer` as a far end; ``server`` is it."""

    scheme = "ftp"
    listing = True

    def __init__(self, server: FtpServer, settings: Settings | None = None) -> None:
        self.server = server
        self.settings = replace(settings or Settings(), ftp=server.settings.ftp)

    def publish(self, name: str, data: bytes) -> str:
        """Serve a file."""
        return self.server.serve(name, data).url

    def url(self, name: str) -> str:
        """Give the URL of a name."""
        return self.server.url(name)

    def publish_stalling(self, name: str, data: bytes, at: int) -> str:
        """Serve a file; the first transfer stalls."""
        return self.server.serve(name, data, faults=[Stall(at)]).url

    def publish_cut(self, name: str, data: bytes, at: int) -> str:
        """Serve a file; the first transfer is cut."""
        return self.server.serve(name, data, faults=[Cut(at)]).url


class FtpsFarEnd(FtpFarEnd):
    """The same under TLS; ``settings`` must trust its authority."""

    scheme = "ftps"
