"""The journal of a repodata.json (JLAP) as it comes over the wire: lines, and a checksum that chains them.

The form: line 0 is an initialisation vector (64 hex digits), then one patch a line, then a footer, then the checksum of
the footer, without a final newline. ``c(k) = blake2b(line k, key=c(k-1))`` of 32 bytes, and ``c(0)`` is line 0 itself.
A reader that keeps the offset of the footer and the checksum before it goes on from there: what is appended replaces
footer and checksum.

Rules: nothing here waits or touches the disk. Nothing is believed before the last line has proven all of them; every
departure from the form is a Doubt.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_HEX = re.compile(rb"[0-9a-f]{64}\Z")
_CHECKSUM = 32  # bytes


class Doubt(Exception):
    """A reason not to trust the journal, or what was made by it: the whole file is fetched instead."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader goes on: the offset of the footer in bytes, and the checksum before it. The start by default."""

    offset: int = 0
    checksum: bytes | None = None


@dataclass(frozen=True, slots=True)
class Journal:
    """What was read, proven: patches from the position on, the hash they lead to, and where to go on next time."""

    patches: tuple[bytes, ...]
    footer: dict[str, Any]
    latest: str
    position: Position


class Reader:
    """Takes the bytes from a position on as they come, in any pieces."""

    def __init__(self, position: Position = Position()) -> None:
        self._offset = position.offset  # of the first line held back
        self._checksum = position.checksum  # of all lines before it
        self._rest = bytearray()
        self._held: list[bytes] = []  # at most two lines: they may be the footer and its checksum
        self._patches: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Doubt."""
        head, *more = data.split(b"\n")
        self._rest += head
        for line in more:
            self._take(bytes(self._rest))
            self._rest = bytearray(line)

    def end(self) -> Journal:
        """Give the journal, proven by its last line. Raises Doubt."""
        self._take(bytes(self._rest))
        if self._checksum is None or len(self._held) != 2:
            raise Doubt("the journal is cut short")
        footer, checksum = self._held
        if not _HEX.match(checksum) or _next(self._checksum, footer) != bytes.fromhex(checksum.decode()):
            raise Doubt("the checksum at the end of the journal does not hold")
        about = _object(footer, "footer")
        latest = about.get("latest")
        if not isinstance(latest, str):
            raise Doubt("the footer of the journal names no latest hash")
        return Journal(tuple(self._patches), about, latest, Position(self._offset, self._checksum))

    def _take(self, line: bytes) -> None:
        if self._checksum is None:
            if not _HEX.match(line):
                raise Doubt("the journal does not begin with 64 hex digits")
            self._checksum = bytes.fromhex(line.decode())
            self._offset += len(line) + 1
            return
        self._held.append(line)
        if len(self._held) > 2:
            patch = self._held.pop(0)
            self._checksum = _next(self._checksum, patch)
            self._offset += len(patch) + 1
            self._patches.append(patch)


def steps(journal: Journal, have: str) -> list[Any]:
    """Give the operations that lead from one hash to the latest, in their order. Raises Doubt."""
    want: object = journal.latest
    found: list[list[Any]] = []
    for line in reversed(journal.patches):
        if want == have:
            break
        patch = _object(line, "patch")
        if patch.get("to") == want:
            operations, want = patch.get("patch"), patch.get("from")
            if not isinstance(operations, list):
                raise Doubt("a patch of the journal is no list of operations")
            found.append(operations)
    if want != have:
        raise Doubt("the journal does not know the hash of the file that is held")
    return [operation for operations in reversed(found) for operation in operations]


def to_state(journal: Journal, headers: Mapping[str, str]) -> dict[str, Any]:
    """Give the form that a state file has under its key ``jlap``."""
    assert journal.position.checksum is not None
    return {
        "headers": dict(headers),
        "iv": journal.position.checksum.hex(),
        "pos": journal.position.offset,
        "footer": journal.footer,
    }


def from_state(state: Mapping[str, Any] | None, have: str) -> tuple[Position, dict[str, str]]:
    """Read the position and the headers of the journal from a state file; the start when anything is odd.

    A state whose footer names another hash than the one held tells nothing about patches from ours on.
    """
    nothing: tuple[Position, dict[str, str]] = (Position(), {})
    if not isinstance(state, dict):
        return nothing
    iv, offset, headers, footer = (state.get(name) for name in ("iv", "pos", "headers", "footer"))
    if not isinstance(iv, str) or not _HEX.match(iv.encode("utf-8", "replace")):
        return nothing
    if not isinstance(offset, int) or isinstance(offset, bool) or offset <= 2 * _CHECKSUM:
        return nothing
    if not isinstance(footer, dict) or footer.get("latest") != have:
        return nothing
    known = headers if isinstance(headers, dict) else {}
    kept = {name: value for name in ("etag", "last-modified") if isinstance(value := known.get(name), str) and value}
    return Position(offset, bytes.fromhex(iv)), kept


def _next(checksum: bytes, line: bytes) -> bytes:
    return hashlib.blake2b(line, key=checksum, digest_size=_CHECKSUM).digest()


def _object(line: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Doubt(f"a {what} of the journal is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Doubt(f"a {what} of the journal is no JSON object")
    return found
