"""The note beside a part: what the bytes in it are, and how many of them are known to be good.

Rules: a part without a matching note is worth nothing. The number of good bytes stands in a field of fixed width at the
end, so that moving it on is one small write in place; it is written after the bytes it vouches for. The source is noted
without its secrets.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from .._model.exchange import NOTHING, Held, Validator

if TYPE_CHECKING:
    from typing import Any, TypeGuard

SCHEMA = 1
_MOST = 64 * 1024  # bytes of a note we would read
_WIDTH = 20
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
FLAGS = os.O_RDWR | os.O_CREAT | _SAFE


class Note:
    """An open note, being kept. Blocking; one thread at a time."""

    __slots__ = ("_at", "_descriptor", "path")

    def __init__(self, path: str, validator: Validator, size: int | None, good: int) -> None:
        self.path = path
        fields: dict[str, Any] = {
            "schema": SCHEMA,
            "source": validator.source,
            "validator": validator.to_json(),
            "size": size,
            "good": 0,
        }
        text = json.dumps(fields, ensure_ascii=True)[: -len("0}")].encode()
        self._at = len(text)
        text += _number(good)
        self._descriptor = _open_plain(path)
        try:
            # not emptied first: where the disk is full, what was there still fits
            os.write(self._descriptor, text)
            os.ftruncate(self._descriptor, len(text))
        except BaseException:
            os.close(self._descriptor)
            raise

    def move_on(self, good: int) -> None:
        """Record that so many bytes are good."""
        os.lseek(self._descriptor, self._at, os.SEEK_SET)
        os.write(self._descriptor, _number(good))

    def sync(self) -> None:
        """Have the note reach the disk itself."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; it stays."""
        os.close(self._descriptor)


def _number(good: int) -> bytes:
    return b"%*d}\n" % (_WIDTH, good)


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
    return Held(good, validator)


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
