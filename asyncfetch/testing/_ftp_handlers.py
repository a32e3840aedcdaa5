"""What pyftpdlib calls: its handlers, with cues, counts and replies put in place; it runs in the server's thread."""

from __future__ import annotations

import logging
import os
import select
import socket
import struct
import warnings
from typing import TYPE_CHECKING, Any

from .faults import Reset, Stall, Throttle

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it stands on asyncore and asynchat
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

if TYPE_CHECKING:
    from .ftp import Cue, FtpFile, FtpServer


logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())  # else it sets logging up, for the whole process


class _Data:
    """A data connection that follows the cue of its file, and counts."""

    ours: FtpServer
    cue: Cue = None
    file: FtpFile | None = None
    tot_bytes_sent: int
    _awakening: Any = None  # of a throttled one

    def use_sendfile(self) -> bool:
        """Never: what passes is counted."""
        return False

    def push_with_producer(self: Any, producer: Any) -> None:
        if self.file_obj is not None:  # not a listing
            self.file = self.ours.files.get(os.path.realpath(self.file_obj.name))
            self.cue = None if self.file is None else self.file.next_cue()
        super().push_with_producer(producer)  # type: ignore[misc]  # of the handler this is mixed into

    def send(self: Any, data: bytes) -> int:
        if isinstance(self.cue, Throttle):
            data = data[: self.cue.piece]
        elif self.cue is not None:
            room = self.cue.at - self.tot_bytes_sent
            if room <= 0:
                self._strike()
                return 0
            data = data[:room]
        sent: int = super().send(data)  # type: ignore[misc]  # likewise
        if self.file is not None:
            self.ours.sent += sent
            self.file.sent += sent
        if isinstance(self.cue, Throttle) and sent:
            self._pause(sent / self.cue.rate)
        return sent

    def _pause(self: Any, seconds: float) -> None:
        self.del_channel()
        self._awakening = self.ioloop.call_later(seconds, lambda: self.add_channel(events=self.ioloop.WRITE))

    def close(self: Any) -> None:
        if self._awakening is not None and not self._awakening.cancelled:
            self._awakening.cancel()
        super().close()  # type: ignore[misc]  # likewise

    def _strike(self: Any) -> None:
        cue, self.cue = self.cue, None
        if isinstance(cue, Stall):
            # send nothing until the far end closes, without spinning
            self.cue = cue
            self._wanted_io_events = self.ioloop.READ
            self.modify_ioloop_events(self.ioloop.READ)
            return
        if isinstance(cue, Reset):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._resp = ("426 Transfer aborted.", logging.getLogger("pyftpdlib").debug)
        self.close()


class _Control:
    """A control connection that answers as told, where it was told."""

    ours: FtpServer

    def on_connect(self) -> None:
        self.ours.connections += 1

    def pre_process_command(self: Any, line: str, command: str, argument: str) -> None:
        self.ours.commands.append((command, "***" if command == "PASS" else argument))
        canned = self.ours.canned(command)
        if canned is None:
            super().pre_process_command(line, command, argument)  # type: ignore[misc]  # likewise
            return
        self.respond(canned)
        if canned.startswith("421"):
            self.close_when_done()


class _OneByOne:
    """A poller that tells of one event at a time.

    pyftpdlib takes many at once: when the first of them closes a connection and the next accepts one, that gets the old
    one's number, and what is left in the batch about the old one closes the new.
    """

    def __init__(self, poller: Any) -> None:
        self._poller = poller

    def poll(self, timeout: float) -> Any:
        return self._poller.poll(timeout, 1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)


def make_server(ours: FtpServer, pair: str | None, *, implicit: bool) -> Any:
    """Make a server on a free port; ``pair`` is the file of its key and certificates, if it speaks TLS."""
    control, data = (FTPHandler, DTPHandler) if pair is None else (TLS_FTPHandler, TLS_DTPHandler)
    names: dict[str, Any] = {
        "ours": ours,
        "encoding": ours.encoding,
        "unicode_errors": "surrogateescape",
        "dtp_handler": type("Data", (_Data, data), {"ours": ours}),
        "auth_failed_timeout": 0,
        "authorizer": DummyAuthorizer(),
        "masquerade_address": "192.0.2.1" if "." in ours.host else None,  # as behind a router; not to be believed
    }
    if pair is not None:
        names |= {"certfile": pair, "ssl_context": None, "tls_control_required": True, "tls_data_required": True}
    if implicit:
        # the greeting waits for the handshake
        names["handle"] = lambda self: self.secure_connection(self.ssl_context)
        names["handle_ssl_established"] = lambda self: None if self.authenticated else FTPHandler.handle(self)
    names["authorizer"].add_user(ours.user, ours.password, ours.folder, perm="elr")
    if ours.anonymous:
        names["authorizer"].add_anonymous(ours.folder)
    loop = IOLoop()
    if hasattr(select, "epoll"):
        loop._poller = _OneByOne(loop._poller)  # noqa: SLF001 - see there
    return FTPServer((ours.host, 0), type("Control", (_Control, control), names), ioloop=loop)
