"""One connection of the HTTP server, in a thread of its own: reads heads, sends replies, breaks where told.

Rules: every wait ends when the server closes, either because the event waited for is set or because the socket is shut
down. An OSError is the peer's business and ends the connection; anything else is a bug of ours and is not hidden.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import struct
import sys
import time
from typing import TYPE_CHECKING

from . import faults as f
from ._reply import Received, Reply, plain
from .pattern import pieces_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

_HEAD_LIMIT = 64 * 1024
_LINGER = 1.0  # seconds a peer has to take its leave after ours
_REQUEST_LINE = re.compile(r"([!-~]+) ([!-~]+) (HTTP/1\.[01])\Z")


class _End(Exception):
    """The connection ends here, in order."""


class Connection:
    """Serves one accepted socket until either side has enough."""

    def __init__(
        self, sock: socket.socket, number: int, answer: Callable[[Received], Reply], closing: threading.Event
    ) -> None:
        self._socket = sock
        self._number = number
        self._answer = answer
        self._closing = closing
        self._buffer = bytearray()

    def run(self, tls: ssl.SSLContext | None) -> None:
        """Serve; the thread's function."""
        try:
            with contextlib.suppress(OSError, _End):
                if tls is not None:
                    self._socket = wrapped = tls.wrap_socket(
                        self._socket, server_side=True, do_handshake_on_connect=False
                    )
                    if not self._closing.is_set():
                        wrapped.do_handshake()
                # asked before each wait: `shut` may have come while the socket was being replaced
                while not self._closing.is_set() and self._serve_one():
                    pass
            self._leave()
        finally:
            self._socket.close()

    def shut(self) -> None:
        """Wake whatever waits on the socket; from another thread."""
        with contextlib.suppress(OSError):
            # past SSLSocket.shutdown, which takes the TLS object away from under the thread that reads
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _serve_one(self) -> bool:
        received = self._read_request()
        if received is None:
            return False
        return self._send_reply(self._answer(received))

    def _read_request(self) -> Received | None:
        while (end := self._buffer.find(b"\r\n\r\n")) <= 0:
            if end == 0:  # empty lines before a request line (RFC 9112 section 2.2)
                del self._buffer[:2]
                continue
            if len(self._buffer) > _HEAD_LIMIT:
                break
            piece = self._socket.recv(64 * 1024)
            if not piece:
                return None
            self._buffer += piece
        if not 0 <= end <= _HEAD_LIMIT:
            self._refuse(431, "the head is too long\n")
        lines = bytes(self._buffer[:end]).decode("latin-1").lstrip("\r\n").split("\r\n")
        del self._buffer[: end + 4]
        match = _REQUEST_LINE.match(lines[0])
        if match is None:
            self._refuse(400, "the request line is malformed\n")
            return None
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                self._refuse(400, "a header line is malformed\n")
            headers.append((name.lower(), value.strip(" \t")))
        method, target, version = match.groups()
        received = Received(method, target, version, tuple(headers), self._number)
        if version == "HTTP/1.1" and sum(name == "host" for name, _ in headers) != 1:  # RFC 9112 section 3.2
            self._refuse(400, "exactly one Host is needed\n")
        self._skip_body(received)
        return received

    def _skip_body(self, received: Received) -> None:
        if received.header("transfer-encoding") is not None:
            self._refuse(501, "no transfer coding of requests\n")
        length = received.header("content-length") or "0"
        if not length.isdigit():
            self._refuse(400, "Content-Length is no number\n")
        left = int(length)
        while left > len(self._buffer):
            left -= len(self._buffer)
            self._buffer.clear()
            self._buffer += self._socket.recv(64 * 1024)
            if not self._buffer:
                raise _End
        del self._buffer[:left]

    def _refuse(self, status: int, text: str) -> None:
        reply = plain(status, text, [("Content-Length", str(len(text))), ("Connection", "close")])
        self._socket.sendall(reply.head() + text.encode())
        raise _End

    def _send_reply(self, reply: Reply) -> bool:
        """Send it; False when the connection ends with it."""
        if reply.hold is not None:
            self._wait(reply.hold.until)
        if reply.hangup is not None:
            if reply.hangup.reset:
                self._reset()
            raise _End
        if reply.raw is not None:
            self._send(reply.raw.data)
            if reply.close:
                self._close_notify()
            return not reply.close
        if interim := reply.interim:
            head = Reply(interim.status, list(interim.headers)).head()
            self._send(head * interim.count)
        self._send_head(reply)
        if not reply.silent:
            self._send_body(reply)
        if reply.close:
            self._close_notify()
        return not reply.close

    def _send_head(self, reply: Reply) -> None:
        head, slow = reply.head(), reply.slow_head
        if slow is None:
            self._send(head)
            return
        for at in range(0, len(head), slow.piece):
            self._send(head[at : at + slow.piece])
            self._pause(slow.pause)

    def _send_body(self, reply: Reply) -> None:
        chunked, sent = reply.chunked, 0
        breaks = list(reply.breaks)
        for piece in self._pieces(reply):
            if chunked is not None:
                self._send(f"{len(piece):x}{chunked.extension}\r\n".encode("latin-1"))
            start = 0
            while breaks and breaks[0].at <= sent + len(piece):
                at = max(start, breaks[0].at - sent)
                self._send_counted(piece[start:at], reply.count)
                start = at
                self._break(breaks.pop(0))
            self._send_counted(piece[start:], reply.count)
            sent += len(piece)
            if chunked is not None:
                self._send(b"\r\n")
            if reply.throttle is not None:
                self._pause(len(piece) / reply.throttle.rate)
        for left in breaks:  # beyond the end, or in an empty body
            self._break(left)
        if chunked is not None:
            trailers = "".join(f"{name}: {value}\r\n" for name, value in chunked.trailers)
            self._send(f"0\r\n{trailers}\r\n".encode("latin-1"))

    def _send_counted(self, piece: memoryview, count: Callable[[int], None]) -> None:
        while piece:
            count(len(piece))  # before, so that a client which has read everything finds everything counted
            sent = 0
            try:
                sent = self._socket.send(piece)
            finally:
                count(sent - len(piece))
            piece = piece[sent:]

    def _pieces(self, reply: Reply) -> Iterator[memoryview]:
        most = min(
            reply.chunked.piece if reply.chunked else sys.maxsize,
            reply.throttle.piece if reply.throttle else sys.maxsize,
        )
        at, corrupt = reply.start, -1 if reply.corrupt is None else reply.corrupt.at
        for view in pieces_of(reply.data, reply.start, reply.stop):
            whole = view
            if at <= corrupt < at + len(view):
                changed = bytearray(view)
                changed[corrupt - at] ^= 0xFF
                whole = memoryview(changed)
            for start in range(0, len(whole), most):
                yield whole[start : start + most]
            at += len(view)

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def _break(self, fault: f.Cut | f.Reset | f.Stall) -> None:
        if isinstance(fault, f.Stall):
            self._wait(fault.until)
        elif isinstance(fault, f.Reset):
            self._reset()
            raise _End
        else:
            raise _End

    def _wait(self, until: threading.Event | None) -> None:
        closing = self._closing
        if until is None:
            closing.wait()
        else:
            while not until.wait(0.01) and not closing.is_set():
                pass
        if closing.is_set():
            raise _End

    def _pause(self, seconds: float) -> None:
        if seconds and self._closing.wait(seconds):
            raise _End

    def _reset(self) -> None:
        """Break with RST: unsent bytes would be lost, so they leave first; then SO_LINGER 0 and close."""
        _drain(self._socket)
        self._socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        )
        self._socket.close()

    def _close_notify(self) -> None:
        """Take leave of TLS; without it the peer must take the end for a cut (RFC 8446 section 6.1)."""
        if isinstance(self._socket, ssl.SSLSocket):
            self._socket.settimeout(0)
            with contextlib.suppress(OSError, ValueError):
                self._socket.unwrap()

    def _leave(self) -> None:
        """Send FIN, then read what still comes: closing over unread bytes would send RST and lose what was sent."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
            self._socket.settimeout(_LINGER)
            end = time.monotonic() + _LINGER
            while time.monotonic() < end and socket.socket.recv(self._socket, 64 * 1024):
                pass


def _drain(sock: socket.socket) -> None:
    """Wait, for a second at most, until the kernel has handed over what was sent."""
    if sys.platform != "linux":
        time.sleep(0.02)
        return
    import fcntl

    outgoing = 0x5411  # SIOCOUTQ of linux/sockios.h: bytes not yet acknowledged
    end = time.monotonic() + _LINGER
    while time.monotonic() < end:
        if not struct.unpack("i", fcntl.ioctl(sock.fileno(), outgoing, b"\0" * 4))[0]:
            return
        time.sleep(0.001)
