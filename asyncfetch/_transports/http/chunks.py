"""Chunked transfer coding (RFC 9112 section 7.1), decoded where the bytes lie.

Pure: each function reads at a place in a buffer and gives the place behind what it read, or -1 when more bytes are
needed. Extensions and trailers are checked for their form and dropped. All lines are bounded, so that nobody can make
us wait for the end of one for ever.
"""

from __future__ import annotations

import re

from ..._model.errors import ProtocolViolation, TooLarge
from .head import BARE_LINE_FEED, NAME

LINE_LIMIT = 4 * 1024  # bytes of a chunk's size and its extensions
TRAILER_LIMIT = 16 * 1024  # bytes of all trailers

# white space behind the size is none of the grammar, but servers in use pad with it, and no reader takes it for more
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*+(?:;[^\r\n\0]*+)?+\r\n")
_TRAILERS = re.compile(rf"(?:{NAME}:[^\r\n\0]*+\r\n)*+\r\n".encode())
_HEX = frozenset(b"0123456789abcdefABCDEF")


def read_size(scratch: bytearray, start: int, end: int) -> tuple[int, int]:
    """Read the line in front of a chunk: (place behind it, bytes of the chunk). 0 bytes: it was the last chunk.

    Raises ProtocolViolation.
    """
    match = _SIZE.match(scratch, start, end)
    if match is not None:
        return match.end(), int(match.group(1), 16)
    if start == end:
        return -1, 0
    if scratch[start] not in _HEX or end - start > LINE_LIMIT or scratch.find(b"\n", start, end) >= 0:
        raise ProtocolViolation("a line that is not the size of a chunk")
    return -1, 0


def read_end(scratch: bytearray, start: int, end: int) -> int:
    """Read the line end behind a chunk's bytes. Raises ProtocolViolation when the chunk is longer than it said."""
    if end - start >= 2:
        if scratch[start] == 13 and scratch[start + 1] == 10:
            return start + 2
    elif end == start or scratch[start] == 13:
        return -1
    raise ProtocolViolation("the bytes of a chunk do not end where its size says")


def read_trailers(scratch: bytearray, start: int, end: int) -> int:
    """Read what follows the last chunk, its empty line included. Raises ProtocolViolation and TooLarge."""
    match = _TRAILERS.match(scratch, start, end)
    if match is not None:
        return match.end()
    if end - start > TRAILER_LIMIT:
        raise TooLarge(f"the trailers are larger than {TRAILER_LIMIT} bytes")
    if scratch.find(b"\r\n\r\n", start, end) >= 0 or BARE_LINE_FEED.search(scratch, start, end):
        raise ProtocolViolation("the trailers are malformed")
    return -1
