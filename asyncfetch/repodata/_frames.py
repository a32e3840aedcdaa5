"""Where zstd frames end (RFC 8878 section 3), read from the compressed bytes as they pass.

libzstd decompresses what it is given and is content; whether the last frame was there to its end is for us to know: a
cut one would be a short repodata.json that looks whole. Only the lengths in the headers are read here.
"""

from __future__ import annotations

from enum import Enum

_MAGIC = 0xFD2FB528
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_DICTIONARY = (0, 1, 2, 4)  # bytes of its id, by flag
_CONTENT_SIZE = (0, 2, 4, 8)  # bytes of the field, by flag
_RLE = 1


class NotFrames(Exception):
    """These bytes are no zstd frames."""


class _At(Enum):
    START = "the start of a frame"
    DESCRIPTOR = "the descriptor of a frame"
    BLOCK = "the header of a block"
    SKIPPED = "the length of a skippable frame"


class Frames:
    """Follows frames from header to header."""

    __slots__ = ("_at", "_checksum", "_held", "_skip", "begun")

    def __init__(self) -> None:
        self._at = _At.START
        self._held = b""  # the beginning of a header
        self._skip = 0  # bytes until the next header
        self._checksum = False
        self.begun = False  # a frame with content was met

    @property
    def complete(self) -> bool:
        """At least one frame was there, and the last one to its end."""
        return self.begun and self._at is _At.START and not self._skip and not self._held

    def feed(self, data: bytes | memoryview) -> None:
        """Follow the next bytes. Raises NotFrames."""
        position, end = 0, len(data)
        while position < end:
            if self._skip:
                step = min(self._skip, end - position)
                self._skip -= step
                position += step
                continue
            missing = self._wanted() - len(self._held)
            self._held += bytes(data[position : position + missing])
            position += missing
            if len(self._held) == self._wanted():
                header, self._held = self._held, b""
                self._read(header)

    def _wanted(self) -> int:
        return {_At.START: 4, _At.DESCRIPTOR: 1, _At.BLOCK: 3, _At.SKIPPED: 4}[self._at]

    def _read(self, header: bytes) -> None:
        value = int.from_bytes(header, "little")
        if self._at is _At.START:
            if value == _MAGIC:
                self._at, self.begun = _At.DESCRIPTOR, True
            elif value in _SKIPPABLE:
                self._at = _At.SKIPPED
            else:
                raise NotFrames
        elif self._at is _At.SKIPPED:
            self._at, self._skip = _At.START, value
        elif self._at is _At.DESCRIPTOR:
            single = bool(value & 0x20)
            self._checksum = bool(value & 0x04)
            content = _CONTENT_SIZE[value >> 6] or int(single)
            self._at, self._skip = _At.BLOCK, int(not single) + _DICTIONARY[value & 3] + content
        else:
            size = 1 if value >> 1 & 3 == _RLE else value >> 3
            last = bool(value & 1)
            self._at = _At.START if last else _At.BLOCK
            self._skip = size + (4 if last and self._checksum else 0)
