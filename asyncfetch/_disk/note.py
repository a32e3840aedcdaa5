"""The note beside a part: what the bytes in it are, and how many of them are known to be good.

Rules: a part without a matching note is worth nothing. The number of good bytes stands in a field of fixed width at the
end, so that moving it on is one small write in place; it is written after the bytes it vouches for. The source is noted
without its secrets.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from .._model.exchange import NOTHING, Held, Validator

if TYPE_CHECKING:
    from typing import Any, TypeGuard

SCHEMA = 1
_MOST = 64 * 1024  # bytes of a note we would read
_WIDTH = 20
FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Note:
    """An open note, being kept. Blocking; one thread at a time."""

    __slots__ = ("_at", "_descriptor", "path")

    def __init__(self, path: str, validator: Validator, size: int | None, good: int) -> None:
        self.path = path
        self._descriptor = os.open(path, FLAGS, 0o666)
        fields: dict[str, Any] = {
            "schema": SCHEMA,
            "source": validator.source,
            "validator": validator.to_json(),
            "size": size,
            "good": 0,
        }
        text = json.dumps(fields, ensure_ascii=True)[: -len("0}")].encode()
        self._at = len(text)
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, text + _number(good))

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
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return NOTHING
    with open(descriptor, "rb") as file:
        raw = file.read(_MOST)
    try:
        fields = json.loads(raw)
    except ValueError:
        return NOTHING
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        return NOTHING
    validator, good, size = Validator.from_json(fields.get("validator")), fields.get("good"), fields.get("size")
    if validator is None or fields.get("source") != validator.source or not _is_count(good):
        return NOTHING
    if not 0 < good <= length or (size is not None and (not _is_count(size) or good > size)):
        return NOTHING
    return Held(good, validator)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
