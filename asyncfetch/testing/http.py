"""HttpServer: a real HTTP/1.1 server on a loopback socket that is right by default and wrong on cue.

It runs in threads of its own, so tests on any event loop, or on none, can use it; leaving the `with` stops and joins
them all, and ends every stall. Without faults it does what RFC 9110 and 9112 say: HEAD, ranges, If-Range, conditions,
persistent connections and pipelining.

>>> from asyncfetch.testing import Cut, HttpServer, Pattern, Status
>>> with HttpServer() as server:
...     page = server.serve("/a.txt", b"hello", etag='"v1"', last_modified=None)        # right
...     flaky = server.serve("/b", Pattern(1 << 30), faults=[Cut(1_000), None, Status(503, retry_after=1)])
...     page.url == server.url("/a.txt"), flaky.digest[:7]
(True, 'sha256:')

* ``server.serve(path, data, faults=[...], always=[...])`` gives a `Resource`. Each request takes the next cue of
  ``faults`` (a fault, a tuple of faults, or None); ``always`` adds to every answer. `asyncfetch.testing.faults` lists
  what there is. ``resource.cue(...)`` adds cues, ``resource.change(...)`` makes it another body, at any time.
* ``resource.hits``, ``resource.requests``, ``resource.body_bytes_sent`` count; so do ``server.requests`` (each with
  ``method, target, path, query, headers, header(name), range, connection``), ``server.connections``,
  ``server.open_connections`` and ``server.body_bytes_sent`` (bytes of bodies handed to the kernel).
* ``server.wait_until(lambda: resource.hits == 2)`` waits for something to come true; call it in a worker thread from
  async code. ``server.drop_connections()`` closes what is open, as an idle timeout would.
* ``HttpServer(tls=Authority())`` serves https with a certificate for localhost, 127.0.0.1 and ::1; see
  `asyncfetch.testing.certificates` for expired, wrong and self-signed ones. ``HttpServer(host="::1")`` is IPv6.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Self

from ._connection import Connection
from ._reply import Received, Reply, answer, dressed, plain
from ._version import Version
from .faults import AUTO, Change, Cue, Fault, Redirect, together
from .pattern import Pattern, sha256_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from types import TracebackType

    from .certificates import Authority

__all__ = ["HttpServer", "Received", "Resource"]


class Resource:
    """Something served under one path, and what was asked of it.

    ``hits`` counts requests, ``requests`` lists them, ``body_bytes_sent`` counts bytes of bodies handed to the kernel.
    """

    def __init__(self, url: str, version: Version, faults: Iterable[Cue], always: Iterable[Fault]) -> None:
        self.url = url
        self.always = tuple(always)
        self.requests: list[Received] = []
        self.body_bytes_sent = 0
        self._version = version
        self._cues = deque(faults)
        self._lock = threading.Lock()

    @property
    def hits(self) -> int:
        """Requests so far."""
        return len(self.requests)

    @property
    def data(self) -> bytes | Pattern:
        """The bytes as they are now."""
        return self._version.data

    @property
    def size(self) -> int:
        """Their number."""
        return len(self._version.data)

    @property
    def digest(self) -> str:
        """``sha256:HEX`` of the bytes as they are now."""
        return f"sha256:{sha256_of(self._version.data)}"

    @property
    def etag(self) -> str | None:
        """The entity tag as it is now, with its quotes."""
        return self._version.etag

    @property
    def last_modified(self) -> str | None:
        """The date as it is now, as HTTP writes it."""
        return self._version.last_modified

    def cue(self, *cues: Cue) -> None:
        """Add cues for the requests to come."""
        with self._lock:
            self._cues.extend(cues)

    def change(
        self, data: bytes | Pattern | None = None, *, etag: str | None = AUTO, last_modified: str | None = AUTO
    ) -> None:
        """Be another body from now on; the arguments are those of the fault `Change`."""
        with self._lock:
            self._version = self._version.changed(Change(data, etag, last_modified))

    def answer(self, received: Received) -> Reply:
        """Note a request and make the reply that is due; for servers."""
        with self._lock:
            self.requests.append(received)
            faults = together(self._cues.popleft() if self._cues else None, self.always)
            for fault in faults:
                if isinstance(fault, Change):
                    self._version = self._version.changed(fault)
            version = self._version
        if received.method not in ("GET", "HEAD"):
            return dressed(plain(405, "only GET and HEAD\n", [("Allow", "GET, HEAD")]), received)
        return answer(received, version, faults)


class HttpServer:
    """A scriptable HTTP/1.1 server on loopback; the module's docstring shows how to use it.

    ``tls`` is an `Authority`, or an `ssl.SSLContext` with a certificate. ``port`` 0 takes a free one. Use it as a
    context manager; it is started by entering and stopped, with everything joined, by leaving.
    """

    def __init__(
        self, *, tls: Authority | ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        context = tls.server_context() if tls is not None and hasattr(tls, "server_context") else tls
        self._tls: ssl.SSLContext | None = context
        self.host = host
        self.port = port
        self.requests: list[Received] = []
        self.connections = 0
        self.body_bytes_sent = 0
        self._resources: dict[str, Resource] = {}
        self._open: dict[Connection, threading.Thread] = {}
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._listener: socket.socket | None = None
        self._waker: socket.socket | None = None
        self._accepting: threading.Thread | None = None

    def url(self, path: str, *, host: str | None = None) -> str:
        """Give the URL of a path, under another name of this host if asked (``localhost``)."""
        name = host or self.host
        name = f"[{name}]" if ":" in name else name
        return f"{'http' if self._tls is None else 'https'}://{name}:{self.port}{path}"

    def serve(
        self,
        path: str,
        data: bytes | Pattern = b"",
        *,
        etag: str | None = AUTO,
        last_modified: datetime | str | None = AUTO,
        content_type: str | None = "application/octet-stream",
        headers: Iterable[tuple[str, str]] = (),
        faults: Iterable[Cue] = (),
        always: Iterable[Fault] = (),
    ) -> Resource:
        """Serve bytes, or a Pattern of any size, under a path (as it is on the wire; with its query, if it has one).

        A validator that is not given is made up: a strong entity tag from the bytes, and a fixed date; None sends none.
        Serving a path again replaces what was there.
        """
        version = Version.first(data, etag, last_modified, content_type=content_type, headers=tuple(headers))
        resource = Resource(self.url(path), version, faults, always)
        self._resources[path] = resource
        return resource

    def redirect(self, path: str, location: str, status: int = 302) -> Resource:
        """Serve a redirect."""
        return self.serve(path, always=[Redirect(location, status)])

    def remove(self, path: str) -> None:
        """Serve 404 under this path again."""
        self._resources.pop(path, None)

    def start(self) -> None:
        """Listen, in a thread."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, self.port), family=family, backlog=1024)
        self.port = self._listener.getsockname()[1]
        wake, self._waker = socket.socketpair()
        self._accepting = threading.Thread(target=self._accept, args=(self._listener, wake), name="HttpServer")
        self._accepting.start()

    def stop(self) -> None:
        """Close everything, end every wait, join every thread."""
        self._closing.set()
        if self._waker is not None:
            self._waker.close()
            self._waker = None
        if self._accepting is not None:
            self._accepting.join()
        for thread in self.drop_connections():
            thread.join()
        with self._changed:
            self._changed.notify_all()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def drop_connections(self) -> list[threading.Thread]:
        """Close every open connection, as an idle timeout would; gives the threads, which are about to end."""
        with self._changed:
            opened = dict(self._open)
        for connection in opened:
            connection.shut()
        return list(opened.values())

    @property
    def open_connections(self) -> int:
        """Connections that are open at this moment."""
        return len(self._open)

    def wait_until(self, true: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait until a condition on requests, bytes or connections holds; raises TimeoutError after so many seconds."""
        with self._changed:
            if not self._changed.wait_for(true, timeout):
                raise TimeoutError(f"it did not come true within {timeout:g} s")

    def _accept(self, listener: socket.socket, wake: socket.socket) -> None:
        with contextlib.closing(listener), contextlib.closing(wake), selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while not self._closing.is_set():
                ready = [key.fileobj for key, _ in selector.select()]
                if listener in ready:
                    with contextlib.suppress(OSError):  # the peer may have gone already
                        self._welcome(listener.accept()[0])

    def _welcome(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes: no 40 ms between
        sock.setblocking(True)  # noqa: FBT003 - the name of the method says what True is
        with self._changed:
            self.connections += 1
            connection = Connection(sock, self.connections, self._answer, self._closing)
            name = f"HttpServer connection {self.connections}"
            thread = threading.Thread(target=self._converse, args=(connection,), name=name)
            self._open[connection] = thread
            self._changed.notify_all()
        thread.start()

    def _converse(self, connection: Connection) -> None:
        try:
            connection.run(self._tls)
        finally:
            with self._changed:
                del self._open[connection]
                self._changed.notify_all()

    def _answer(self, received: Received) -> Reply:
        resource = self._resources.get(f"{received.path}?{received.query}") or self._resources.get(received.path)
        with self._changed:
            self.requests.append(received)
            if resource is None:
                reply = dressed(plain(404, "there is nothing\n"), received)
            else:
                reply = resource.answer(received)
            self._changed.notify_all()
        reply.count = partial(self._count, resource)
        return reply

    def _count(self, resource: Resource | None, count: int) -> None:
        with self._changed:
            self.body_bytes_sent += count
            if resource is not None:
                resource.body_bytes_sent += count
            self._changed.notify_all()
