"""A data connection under TLS (RFC 4217 section 9), driven by hand over `ssl.MemoryBIO`.

asyncio's own TLS is not used, for three reasons. It cannot resume the control connection's session, which vsftpd and
proftpd demand of the data connection by default. It waits for the handshake before it gives a connection, but servers
begin theirs only after RETR. And (3.11) when the peer closes while more is decrypted than the reader's buffer holds,
``SSLProtocol._do_flush`` reads once and drops the rest.

Rules: ciphertext goes through one buffer, and not more than that is read ahead. A close without close_notify is an end
like any other here: the size and the server's last reply tell whether the file is whole.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from .data import DataConnection

if TYPE_CHECKING:
    import asyncio


class SecureDataConnection(DataConnection):
    """A data connection whose handshake resumes ``session``, if there is one, for the server ``host``."""

    ASIDE = 256 * 1024  # bytes of ciphertext read at a time

    def __init__(
        self, patience: float | None, context: ssl.SSLContext, session: ssl.SSLSession | None, host: str
    ) -> None:
        super().__init__(patience)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host, session=session)
        self._shaken: asyncio.Future[None] | None = self._loop.create_future()
        self._lost: Exception | None = None
        self._closed = False  # the socket has said all it will; what it said may still be in `_incoming`

    async def handshake(self) -> None:
        """Shake hands. Raises ssl.SSLError and OSError."""
        assert self._transport is not None
        assert self._shaken is not None
        self._shake()
        self._transport.resume_reading()
        await self._shaken
        self._shaken = None

    def _shake(self) -> None:
        if self._shaken is None or self._shaken.done():
            return
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send()
            if self._closed:
                self._refuse(self._lost or ConnectionResetError("it was closed during the TLS handshake"))
        except (ssl.SSLError, OSError, ValueError) as error:  # ValueError: a certificate that truststore cannot read
            self._send()
            self._refuse(error)
        else:
            self._send()
            if self._transport is not None and not self._closed:
                self._transport.pause_reading()
            self._shaken.set_result(None)

    def _refuse(self, error: Exception) -> None:
        assert self._shaken is not None
        self._shaken.set_exception(error)
        self._shaken.exception()  # who shook hands may be cancelled just now: that nobody hears of it is no mistake

    def _send(self) -> None:
        if self._outgoing.pending and self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())

    def _end(self, error: Exception | None) -> None:
        """Close, too, and say so: vsftpd does not give its last reply before."""
        super()._end(error)
        with suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()
        self._send()
        if self._transport is not None:
            self._transport.close()

    def _pour(self) -> None:
        """Decrypt into the buffer lent."""
        view = self._view
        assert view is not None
        room = len(view)
        try:
            while self.landed < room:
                count = self._tls.read(room - self.landed, view[self.landed :])
                if not count:
                    self._end(None)
                    return
                self.landed += int(count)
        except ssl.SSLWantReadError:
            self._send()  # a renegotiation or a key update may have something to say
            if self._closed:
                self._end(self._lost)
            return
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._end(self._lost)
            return
        except ssl.SSLError as error:
            self._end(error)
            return
        self._wake()

    # --- what asyncio's transport does with it

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - one size
        """Give the place for ciphertext."""
        return self._place

    def buffer_updated(self, nbytes: int) -> None:
        """Take ciphertext in."""
        self._incoming.write(self._place[:nbytes])
        self._seen = self._loop.time()
        self._go_on()

    def eof_received(self) -> bool:
        """The server has sent all it will."""
        self._closed = True
        self._incoming.write_eof()
        self._go_on()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed; what is decrypted already still comes."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._closed, self._lost = True, exc
        self._go_on()
        self._gone.set()

    def _go_on(self) -> None:
        if self._shaken is not None:
            self._shake()
        elif self._view is not None:
            self._pour()
        else:
            self._wake()
