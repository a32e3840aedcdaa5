"""TLS by hand, over any transport: TCP, a tunnel, or another TLS.

A protocol to the transport below and a transport to the protocol above, as asyncio's own is, but decrypting straight
into the reader's buffer, and exact about ends: a peer that goes without close_notify has cut its answer off (RFC 8446
section 6.1), which asyncio's does not tell apart. OpenSSL answers key updates and renegotiation inside ``read``; what
it wants sent is sent after each.

Rules: encrypted bytes pass through one buffer for all connections of a loop, because between ``get_buffer`` and
``buffer_updated`` nothing else runs. The protocol above hears of the end only when it was given all that came before.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

ENCRYPTED = 256 * 1024  # bytes read from the socket at a time


class Tls(asyncio.BufferedProtocol, asyncio.Transport):
    """The client's end of TLS. When ``ready`` is done, ``failure`` says whether the handshake failed.

    ``encrypted`` is the buffer that all share. ``explain`` makes the error that the protocol above is told of one that
    comes after the handshake.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        context: ssl.SSLContext,
        server_hostname: str,
        encrypted: memoryview,
        explain: Callable[[ssl.SSLError], Exception],
    ) -> None:
        context.set_alpn_protocols(["http/1.1"])  # each time: the context may be shared with who speaks HTTP/2
        self._loop = loop
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
        self._encrypted = encrypted
        self._explain = explain
        self._below: asyncio.Transport | None = None
        self._above: asyncio.BufferedProtocol | None = None
        self._backlog = b""
        self._paused = self._closing = self._over = self._lost = False
        self.ready: asyncio.Future[None] = loop.create_future()
        self.failure: Exception | None = None

    def carry(self, above: asyncio.BufferedProtocol) -> None:
        """Begin to carry another protocol's bytes; the handshake is over."""
        self._above = above
        above.connection_made(self)
        self._loop.call_soon(self._decrypt)

    # --- a transport, to the protocol above

    def write(self, data: Any) -> None:
        """Encrypt and send."""
        self._backlog += data
        self._encrypt()

    def pause_reading(self) -> None:
        """Read no more; what is encrypted still is kept so."""
        self._paused = True
        if self._below is not None and not self._lost:
            self._below.pause_reading()

    def resume_reading(self) -> None:
        """Read on, beginning with what is here."""
        self._paused = False
        if self._below is not None and not self._lost:
            self._below.resume_reading()
        self._loop.call_soon(self._decrypt)

    def close(self) -> None:
        """Take leave and close."""
        if not self._closing and self._below is not None and not self._lost:
            self._closing = True
            with contextlib.suppress(ssl.SSLError):  # it wants to read the peer's leave, which we do not wait for
                self._object.unwrap()
            self._flush()
            self._below.close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        if self._below is not None:
            self._below.abort()

    def is_closing(self) -> bool:
        """Tell whether it is closed or about to be."""
        return self._closing or self._lost

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Carry another protocol's bytes from here on."""
        self._above = cast("asyncio.BufferedProtocol", protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Give what is known of the connection: the transport below knows its socket."""
        if name == "ssl_object":
            return self._object
        return default if self._below is None else self._below.get_extra_info(name, default)

    # --- a protocol, to the transport below

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shake hands."""
        self._below = cast("asyncio.Transport", transport)
        self._shake()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - one size for all
        """Give the place for encrypted bytes."""
        return self._encrypted

    def buffer_updated(self, nbytes: int) -> None:
        """Decrypt, into the buffers of the protocol above."""
        self._incoming.write(self._encrypted[:nbytes])
        if self.ready.done():
            self._decrypt()
        else:
            self._shake()

    def eof_received(self) -> bool:
        """Take note that no more will come. Whether that was to be expected is seen from what came last."""
        self._incoming.write_eof()
        if self.ready.done():
            self._decrypt()
        else:
            self._shake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Give what is here still, then the end."""
        self._lost = True
        self._incoming.write_eof()
        if not self.ready.done():
            self._settle(exc or ConnectionResetError("the connection was closed in the handshake"))
        elif self._over or self._closing:
            self._tell_end(exc)
        else:
            self.failure = self.failure or exc
            self._decrypt()

    # --- inside

    def _shake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except (ssl.SSLError, OSError) as error:
            self._flush()  # the alert that says why
            self._settle(error)
            return
        self._flush()
        self._settle(None)

    def _settle(self, failure: Exception | None) -> None:
        if not self.ready.done():
            self.failure = failure
            self.ready.set_result(None)

    def _encrypt(self) -> None:
        if self._backlog and not self._lost:
            with contextlib.suppress(ssl.SSLWantReadError):  # in a renegotiation: sent after the next read
                sent = self._object.write(self._backlog)
                self._backlog = self._backlog[sent:]
            self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and self._below is not None and not self._lost:
            self._below.write(self._outgoing.read())

    def _decrypt(self) -> None:
        """Give the protocol above what can be decrypted, as far as its buffer goes; then it is its turn."""
        above = self._above
        if above is None or self._paused or self._over or self._closing:
            return
        buffer = cast("memoryview", above.get_buffer(-1))
        filled, size, read = 0, len(buffer), cast("Callable[[int, memoryview], int]", self._object.read)
        ended: Exception | None = None
        try:
            while filled < size:
                count = read(size - filled, buffer[filled:] if filled else buffer)
                if not count:  # close_notify
                    self._over = True
                    break
                filled += count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._over = True
        except ssl.SSLError as error:
            self._over = True
            ended = self.failure = self.failure or self._explain(error)
        if filled:
            above.buffer_updated(filled)
        if self._outgoing.pending:
            self._flush()
        if self._backlog:
            self._encrypt()
        if self._over:
            self._end(ended)
        elif filled == size:
            self._loop.call_soon(self._decrypt)  # after the reader, who may lend the next buffer before it

    def _end(self, ended: Exception | None) -> None:
        """Nothing more can be decrypted: a leave taken in order, or an error."""
        above = self._above
        if above is not None and ended is None and not self._closing:
            above.eof_received()
        if self._lost:
            self._tell_end(self.failure)
        elif self._below is not None and not self._closing:
            if ended is None:
                self.close()
            else:
                self._flush()
                self._below.abort()

    def _tell_end(self, exc: Exception | None) -> None:
        above, self._above = self._above, None
        if above is not None:
            above.connection_lost(self.failure or exc)
