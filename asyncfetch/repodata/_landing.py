"""Landing: compressed or plain bytes arrive, json goes to a part beside the destination, hashed on its way.

Rules: all of it happens on one worker thread, in the order of arrival; libzstd, blake2 and write let go of the
interpreter meanwhile. Nothing is ever held whole. What comes out is bounded, a frame that was cut is refused, and what
does not begin and end as a JSON object is none. Plain json that only the end of the connection delimits (RFC 9112
section 6.3, rule 8) may have been cut just behind a record: its braces must come in pairs, too.
"""

from __future__ import annotations

import hashlib
import os
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from .._model.errors import ProtocolViolation, TooLarge
from .._sinks.hashing import Hashing, check
from ._frames import Frames, NotFrames

if TYPE_CHECKING:
    from collections.abc import Sequence

    import zstandard

    from .._model.digest import Digest
    from .._model.url import Url

# bytes of json at a time: from libzstd to the hash to write they stay in the cache of the processor. Measured for
# 150 MB: 1 MiB 0.48 s, 256 KiB 0.38 s; less costs more passing of the interpreter lock than it saves
_PIECE = 256 * 1024
_SPACE = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"  # a byte order mark: some servers of files put one before the text
_EDGE = 64  # bytes that are looked at, at either end


class NotZst(ProtocolViolation):
    """The body is no zstd file, or not a whole one."""


class Landed(NamedTuple):
    """What landed: ``size`` in bytes, ``blake2`` the hash (blake2b, 32 bytes) of the json."""

    size: int
    blake2: str


class Landing:
    """One body on its way into an open file. ``error`` is what went wrong so far.

    ``limit`` is in bytes of json; ``is_framed`` says that the transport knows where the body ends.
    """

    def __init__(
        self,
        descriptor: int,
        source: Url,
        *,
        is_zst: bool,
        limit: int,
        digests: Sequence[Digest] = (),
        is_framed: bool = True,
    ) -> None:
        self.error: BaseException | None = None
        self._descriptor = descriptor
        self._source = source
        self._limit = limit
        self._digests = tuple(digests)
        self._arriving = Hashing(self._digests) if digests else None
        self._hash = hashlib.blake2b(digest_size=32)
        self._size = 0
        self._has_begun = False  # the first character was there
        self._last = b""  # the last character so far that is no space
        self._braces: int | None = None if is_framed or is_zst else 0  # open ones
        self._frames = Frames() if is_zst else None
        self._writer = _decompressing(self) if is_zst else None

    def take(self, data: memoryview) -> None:
        """Take the next bytes of the body; never raises, see ``error``."""
        if self.error is not None:
            return
        try:
            if self._arriving is not None:
                self._arriving.update(data)
            if self._frames is None:
                for start in range(0, len(data), _PIECE):
                    self.write(data[start : start + _PIECE])
            else:
                self._expand(data)
        except Exception as error:  # noqa: BLE001 - carried to who waits, whatever it is
            self.error = error

    def finish(self) -> Landed:
        """Say what landed. Raises NotZst, ProtocolViolation, DigestMismatch, TooLarge and OSError."""
        if self.error is not None:
            raise self.error
        if self._frames is not None and not self._frames.complete:
            raise NotZst("the zstd frame ends too early" if self._size else "it is empty", url=self._source)
        if self._arriving is not None:
            check(self._digests, self._arriving.digests(), self._source)
        if self._last != b"}":
            raise ProtocolViolation("it does not end as a JSON object does", url=self._source)
        if self._braces:
            raise ProtocolViolation("it was cut: its braces do not come in pairs", url=self._source)
        return Landed(self._size, self._hash.hexdigest())

    def write(self, data: bytes | memoryview) -> int:
        """Write a piece of json."""
        if not self._has_begun:
            head = bytes(data[:_EDGE]).lstrip(_SPACE + _MARK) or bytes(data).lstrip(_SPACE + _MARK)
            self._has_begun = bool(head)
            if head and not head.startswith(b"{"):
                raise ProtocolViolation("it does not begin as a JSON object does", url=self._source)
        self._size += len(data)
        if self._size > self._limit:
            raise TooLarge(f"its json has more than {self._limit} bytes", url=self._source)
        self._hash.update(data)
        tail = bytes(data[-_EDGE:]).rstrip(_SPACE) or bytes(data).rstrip(_SPACE)
        self._last = tail[-1:] or self._last  # the last piece may be a line end and nothing else
        if self._braces is not None:
            text = bytes(data)
            self._braces += text.count(b"{") - text.count(b"}")
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        return len(data)

    def _expand(self, data: memoryview) -> None:
        import zstandard

        assert self._frames is not None
        assert self._writer is not None
        try:
            self._frames.feed(data)
            self._writer.write(data)
        except NotFrames as error:
            raise NotZst("it is not zstd", url=self._source) from error
        except zstandard.ZstdError as error:
            raise NotZst(f"it is not sound zstd: {error}", url=self._source) from error


def _decompressing(into: Landing) -> zstandard.ZstdDecompressionWriter:
    import zstandard

    return zstandard.ZstdDecompressor().stream_writer(cast("IO[bytes]", into), write_size=_PIECE, closefd=False)
