"""The note beside a part: what the bytes in it are, and how many of them are known to be good.

Rules: a part without a matching note is worth nothing. The number of good bytes stands in a field of fixed width at the
end, so that moving it on is one small write in place; it is written after the bytes it vouches for. Behind it stand the
islands, stretches that came over other connections; who does not know of them drops them. All that moves lies within
one page, so that a process which is killed leaves the old numbers or the new ones. The source is noted without its
secrets.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from .._model.exchange import NOTHING, Held, Validator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeGuard

    Span = tuple[int, int]

SCHEMA = 1
_MOST = 64 * 1024  # bytes of a note we would read
_WIDTH = 20
_PAGE = 4096
_ISLANDS = 32  # noted at most; those behind are not resumed
_MOVING = _WIDTH + _ISLANDS * 44 + 32  # bytes at most of what moves
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
FLAGS = os.O_RDWR | os.O_CREAT | _SAFE


class Note:
    """An open note, being kept. Blocking; one thread at a time."""

    __slots__ = ("_at", "_descriptor", "_length", "path")

    def __init__(
        self, path: str, validator: Validator, size: int | None, good: int, islands: Sequence[Span] = ()
    ) -> None:
        self.path = path
        fields: dict[str, Any] = {
            "schema": SCHEMA,
            "source": validator.source,
            "validator": validator.to_json(),
            "size": size,
            "good": 0,
        }
        text = json.dumps(fields, ensure_ascii=True)[: -len("0}")].encode()
        if len(text) % _PAGE + _MOVING > _PAGE:
            key = b'"good": '
            text = text[: -len(key)] + b" " * (_PAGE - len(text) % _PAGE) + key
        self._at = len(text)
        numbers = _numbers(good, islands)
        self._length = len(numbers)
        text += numbers
        self._descriptor = _open_plain(path)
        try:
            # not emptied first: where the disk is full, what was there still fits
            os.write(self._descriptor, text)
            os.ftruncate(self._descriptor, len(text))
        except BaseException:
            os.close(self._descriptor)
            raise

    def move_on(self, good: int, islands: Sequence[Span] = ()) -> None:
        """Record that so many bytes are good, and those of the islands."""
        os.lseek(self._descriptor, self._at, os.SEEK_SET)
        numbers = _numbers(good, islands, self._length)
        self._length = len(numbers)
        os.write(self._descriptor, numbers)

    def sync(self) -> None:
        """Have the note reach the disk itself."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; it stays."""
        os.close(self._descriptor)


def _numbers(good: int, islands: Sequence[Span], least: int = 0) -> bytes:
    """Write what moves, in ``least`` bytes or more: it is never followed by the end of a longer one before."""
    text = b"%*d" % (_WIDTH, good)
    if islands:
        text += b', "islands": ' + json.dumps([list(island) for island in islands[:_ISLANDS]]).encode()
    return text.ljust(least - 2) + b"}\n"


def read_note(path: str, length: int) -> Held:
    """Read what a note says of a part that is ``length`` bytes long; NOTHING when it is missing, broken or a lie."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _SAFE)
        try:
            raw = os.read(descriptor, _MOST) if is_plain(descriptor) else b""
        finally:
            os.close(descriptor)
        fields = json.loads(raw)
    except (OSError, ValueError, RecursionError):
        return NOTHING
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        return NOTHING
    validator, good, size = Validator.from_json(fields.get("validator")), fields.get("good"), fields.get("size")
    if validator is None or fields.get("source") != validator.source or not _is_count(good):
        return NOTHING
    if not 0 < good <= length or (size is not None and (not _is_count(size) or good > size)):
        return NOTHING
    islands = _read_islands(fields.get("islands", []), good, length if size is None else min(size, length))
    return NOTHING if islands is None else Held(good, validator, islands)


def _read_islands(value: object, good: int, end: int) -> tuple[Span, ...] | None:
    """Read the islands, which lie in order between ``good`` and ``end``; None for anything else."""
    if not isinstance(value, list):
        return None
    islands: list[Span] = []
    at = good
    for one in value:
        if not (isinstance(one, list) and len(one) == 2 and all(_is_count(number) for number in one)):
            return None
        start, stop = one
        if not at < start < stop <= end:
            return None
        islands.append((start, stop))
        at = stop
    return tuple(islands)


def is_plain(descriptor: int) -> bool:
    """Tell whether an open file is a plain one, ours, and known under no other name."""
    about = os.fstat(descriptor)
    mine = not hasattr(os, "geteuid") or about.st_uid == os.geteuid()
    return stat.S_ISREG(about.st_mode) and about.st_nlink <= 1 and mine


def closed_unless_plain(descriptor: int) -> bool:
    """The same, and close it if not."""
    plain = False
    try:
        plain = is_plain(descriptor)
    finally:
        if not plain:
            os.close(descriptor)
    return plain


def _open_plain(path: str) -> int:
    """Open a note to be written: the plain file that is there, else a new one in its place."""
    try:
        descriptor = os.open(path, FLAGS, 0o666)
    except OSError:
        if not os.path.islink(path):
            raise
    else:
        if closed_unless_plain(descriptor):
            return descriptor
    os.unlink(path)
    return os.open(path, FLAGS | os.O_EXCL, 0o666)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
