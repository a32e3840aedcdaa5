"""The body of one RETR.

Rules: it is whole when as many bytes came as SIZE said, and the server's last reply does not deny it. A reply that
says the transfer failed (426, 451) is believed even when all bytes seem to be here. A control connection that died
during the transfer is no failure when SIZE was met: routers forget connections that are silent for long.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from ..._model.errors import AccessDenied, FetchError, Interrupted, ProtocolViolation
from ..._model.exchange import Answer, Body
from .replies import Refused, Reply, error_of, told
from .transfer import CURTAIN

if TYPE_CHECKING:
    from ..._model.exchange import Timings, Validator
    from ..._model.url import Url
    from .transfer import Transfer


class NoBody(Body):
    """UNCHANGED: there is nothing to read."""

    def __init__(self, url: Url, validator: Validator, timings: Timings) -> None:
        self.answer = Answer.UNCHANGED
        self.url, self.validator, self.size, self.timings = url, validator, validator.size, timings
        self.ended = True

    async def fill(self, into: memoryview) -> int:  # noqa: ARG002 - nothing goes in
        """Give 0."""
        return 0


class FtpBody(Body):
    """Bytes of a file from ``offset`` up to ``end`` (None: to the end of the file)."""

    abortable = True

    def __init__(
        self, url: Url, transfer: Transfer, validator: Validator, *, answer: Answer, offset: int, end: int | None
    ) -> None:
        self.url, self.validator, self.size = url, validator, validator.size
        self.answer, self.offset = answer, offset
        self._transfer = transfer
        self._data = transfer.data
        self._cut_short = end is not None and (self.size is None or end < self.size)
        stop = end if self._cut_short else self.size
        self._left = None if stop is None else max(0, stop - offset)
        self._over = False
        self._stopped: FetchError | None = None

    async def fill(self, into: memoryview) -> int:
        """Put the next bytes into the buffer; 0 at the end."""
        if self._over:
            return 0
        if self._left == 0 and self._cut_short:
            await self.finish()
            return 0
        with told(self.url):
            if self._left == 0:
                return await self._end(await self._data.fill(memoryview(bytearray(1))))
            try:
                count = await self._data.fill(into if self._left is None else into[: self._left])
            except OSError as error:
                if self._stopped is not None:
                    raise self._stopped from None
                raise await self._why(error) from error
            if count and self._left is not None:
                self._left -= count
            return count or await self._end(0)

    async def finish(self) -> None:
        """End a part that its reader has left, so that the control connection can serve the next one."""
        if self._cut_short and not self._over and self._stopped is None:
            self._over = True
            await self._transfer.leave()

    def abort(self, error: FetchError) -> bool:
        """Close the connections; whoever reads is given the error."""
        if not self._over:
            self._stopped = error
            self._data.fail(error)
            self._transfer.drop()
        return True

    def flush(self) -> None:
        """Let a fill under way come back."""
        self._data.flush()

    @property
    def landed(self) -> int:  # type: ignore[override]  # what the connection counts; nobody sets it from outside
        """Bytes in the buffer of the fill under way."""
        return self._data.landed

    @property
    def ended(self) -> bool:  # type: ignore[override]  # as above
        """The body is whole."""
        return self._over

    async def _end(self, more: int) -> int:
        """The data connection is closed, or ``more`` bytes came than should: see what the server says of it."""
        if more:
            raise ProtocolViolation(f"the file goes on after the {self.size} bytes that SIZE said")
        try:
            reply = await self._transfer.end()
        except (OSError, Refused) as error:
            if self._left == 0:
                self._over = True
                return 0
            if self._stopped is not None:
                raise self._stopped from error
            raise self._short(None) from error
        if self._left:
            raise self._short(reply)
        if not 200 <= reply.code < 300:
            raise error_of(reply, self._transfer.command)
        self._over = True
        return 0

    def _short(self, reply: Reply | None) -> FetchError:
        said = "" if reply is None else f", and the server said: {reply}"
        status = None if reply is None else reply.code
        if self._left is None:
            return Interrupted(f"the server closed the connection without saying that the file is whole{said}")
        kind = Interrupted if reply is None or reply.code < 300 else type(error_of(reply, self._transfer.command))
        if kind is AccessDenied:  # 550: it was let go on at first
            kind = Interrupted
        return kind(f"it ended with {self._left} of {self.size} bytes to come{said}", status=status)

    async def _why(self, error: OSError) -> Exception:
        """The data connection broke: the server may have said why."""
        if isinstance(error, TimeoutError):
            return error
        reply = None
        with anyio.move_on_after(CURTAIN):
            with suppress(OSError, Refused):
                reply = await self._transfer.end()
        if self._left is None and reply is None:
            return Interrupted(f"the data connection broke: {error.strerror or error}")
        return self._short(reply)
