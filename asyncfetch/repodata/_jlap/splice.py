"""Apply patches to a repodata.json on disk, byte by byte as its author would have written the result.

The members that patches touch are parsed into a document that holds nothing else, RFC 6902 is applied to that one, and
what came of them is written back into a copy of the file, in the style of the file. Memory grows with the patches, not
with the file. The hash of the result is the proof: whatever this got wrong, it is not the hash that the journal names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from .chain import Doubt
from .scan import outline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from .scan import Container, Member, Outline, Style

_PIECE = 1024 * 1024  # bytes copied at a time
_COPIES = 1  # each can double a document, whatever the size of the patch; who writes journals uses none


class Edit(NamedTuple):
    """Bytes of a file to be replaced, from ``begin`` up to but not including ``end``."""

    begin: int
    end: int
    text: bytes


def splice(held: str, into: str, operations: list[Any], latest: str, tick: Callable[[], object]) -> int:
    """Write the patched file and give its size in bytes; ``tick`` may stop it by raising. Raises Doubt and OSError.

    ``into`` is there only if all went well and its BLAKE2b hash is ``latest``.
    """
    touched = touched_by(operations)
    with open(held, "rb", buffering=0) as file:
        found = outline(file, touched, tick)
        try:
            edits = sorted(_edits(found, _patched(_sparse(found), operations)), key=lambda edit: edit.begin)
        except (ValueError, RecursionError) as error:  # half a surrogate pair, or brackets too deep
            raise Doubt(f"what the patches make cannot be written: {type(error).__name__}") from error
        try:
            size, found_hash = _copy(file, into, edits, tick)
            if found_hash != latest:
                raise Doubt("the patched file does not have the hash that the journal names")
        except BaseException:
            _remove(into)
            raise
    return size


def touched_by(operations: Iterable[Any]) -> dict[str, set[str] | None]:
    """Say what operations look at: name at the top -> names below, None for the member as a whole. Raises Doubt."""
    touched: dict[str, set[str] | None] = {}
    for operation in operations:
        if not isinstance(operation, dict):
            raise Doubt("a patch holds something that is no operation")
        for pointer in (operation.get("path"), operation.get("from")):
            if pointer is None:
                continue
            if not isinstance(pointer, str) or not pointer.startswith("/"):
                raise Doubt(f"an operation is about the whole document, or about none: {str(pointer)[:80]!r}")
            names = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/", 3)[1:3]]
            below = touched.setdefault(names[0], set())
            if len(names) == 1:
                touched[names[0]] = None
            elif below is not None:
                below.add(names[1])
    return touched


def _sparse(found: Outline) -> dict[str, Any]:
    """Parse what is touched into a document of its own."""
    document: dict[str, Any] = {name: _parsed(box.touched) for name, box in found.inner.items()}
    document.update(_parsed(found.root.touched))
    return document


def _parsed(members: Iterable[Member]) -> dict[str, Any]:
    try:
        return {member.key: json.loads(member.text) for member in members}
    except (ValueError, RecursionError) as error:
        raise Doubt(f"a record of the file that is held is no JSON: {error}") from error


def _patched(document: dict[str, Any], operations: list[Any]) -> dict[str, Any]:
    import jsonpatch

    try:
        _bound(operations)
        patched = jsonpatch.JsonPatch(operations).apply(document, in_place=True)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise Doubt(f"a patch does not apply: {type(error).__name__}") from error
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Doubt(f"a patch is not as RFC 6902 has it: {type(error).__name__}") from error
    assert isinstance(patched, dict)  # no operation was about the document as a whole
    return patched


def _bound(operations: list[Any]) -> None:
    """Refuse more copies than make sense: a few of them, each of the one before, fill any memory. Raises Doubt."""
    if sum(operation.get("op") == "copy" for operation in operations) > _COPIES:
        raise Doubt("the patches copy more than is worth patching")


def _edits(found: Outline, after: dict[str, Any]) -> Iterator[Edit]:
    boxes = (found.root, *found.inner.values())
    writer = _Writer(found.style, ordered=all(box.ordered for box in boxes))
    yield from writer.edits(found.root, 1, after)
    for name, box in found.inner.items():
        yield from writer.edits(box, 2, after[name])


class _Writer:
    """Writes members as the author of the document does (the `json` module of Python, as all of conda's tools)."""

    def __init__(self, style: Style, *, ordered: bool) -> None:
        self._style = style
        self._ordered = ordered
        self._comma = ", " if style.indent is None and style.colon == ": " else ","
        self._encode = json.JSONEncoder(
            ensure_ascii=style.plain,
            sort_keys=ordered,
            indent=style.indent,
            separators=(self._comma, style.colon),
        ).encode

    def edits(self, box: Container, depth: int, after: dict[str, Any]) -> Iterator[Edit]:
        """Give the edits of one object in their order; ``after`` holds the touched members that are there now.

        A member's bytes begin behind the one before it, so that its comma is its own; the first has none.
        """
        new = [name for name in after if name in box.places]
        slots: list[tuple[int, Member | str]] = [
            (box.places[name], name) for name in (sorted(new) if self._ordered else new)
        ]
        slots += [(member.begin, member) for member in box.touched]
        slots += [(box.bystander.begin, box.bystander)] if box.bystander is not None else []
        is_first = True
        for begin, slot in sorted(slots, key=lambda one: one[0]):
            comma = "" if is_first else self._comma
            if isinstance(slot, str):
                yield Edit(begin, begin, self._member(comma, slot, after[slot], depth))
            elif slot is box.bystander:
                if slot.first and not is_first:
                    yield Edit(begin, begin, comma.encode())
                elif is_first and not slot.first:
                    yield Edit(begin, begin + len(self._comma), b"")
            elif slot.key in after:
                yield Edit(begin, slot.end, self._member(comma, slot.key, after[slot.key], depth))
            else:
                yield Edit(begin, slot.end, b"")
                continue
            is_first = False
        if is_first:
            yield Edit(box.last, box.closing, b"")
        elif not box.count:
            yield Edit(box.closing, box.closing, self._line(depth - 1).encode())

    def _member(self, comma: str, key: str, value: Any, depth: int) -> bytes:
        text = self._encode(value)
        if self._style.indent is not None:
            text = text.replace("\n", self._line(depth))  # none stands within a string: it would be escaped
        return f"{comma}{self._line(depth)}{self._encode(key)}{self._style.colon}{text}".encode()

    def _line(self, depth: int) -> str:
        return "" if self._style.indent is None else "\n" + self._style.indent * depth


def _copy(file: BinaryIO, into: str, edits: list[Edit], tick: Callable[[], object]) -> tuple[int, str]:
    """Write the file with the edits made; give size and BLAKE2b hash of the result."""
    digest = hashlib.blake2b(digest_size=32)
    size = 0
    with open(into, "wb", buffering=_PIECE) as target:
        for piece in _pieces(file, edits):
            tick()
            target.write(piece)
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def _pieces(file: BinaryIO, edits: list[Edit]) -> Iterator[bytes]:
    file.seek(0)
    at = 0
    for edit in edits:
        while at < edit.begin:
            piece = file.read(min(_PIECE, edit.begin - at))
            if not piece:
                raise Doubt("the file that is held became shorter")
            at += len(piece)
            yield piece
        if edit.end > at:
            at = file.seek(edit.end)
        yield edit.text
    while piece := file.read(_PIECE):
        yield piece


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.remove(path)
