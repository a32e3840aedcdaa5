"""Metalink 4 (RFC 5854): files with their name, size, hashes and URLs in order of priority.

Rules: a document type is refused, and entities with it, before it can do anything; names that climb out are refused
(section 4.1.2.1); URLs of schemes that nobody here serves (rsync, torrents) are left out as long as another is there.
The digests of pieces (section 4.1.3) are checked too, as they tell which bytes of a wrong file have to come again.
Files are given as soon as they are read.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

import asyncfetch

from ..._model.digest import SIZES, Digest
from .source import best_digest, digest_name, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .source import ListMistake, Source

_NAMESPACE = "urn:ietf:params:xml:ns:metalink"
_SERVED = {"http", "https", "ftp", "ftps", "s3", "file"}
_LAST = 999_999  # RFC 5854 section 4.2.16.2: the lowest priority
_STRONG = SIZES.keys() - {"md5", "sha1"}  # of those two collisions are known: pieces under a better one say more
_DEEPEST = 100
_LONGEST = 64 * 1024  # characters in one element


@dataclass(slots=True)
class _File:
    line: int
    name: str
    size: str | None = None
    hashes: list[tuple[str, str]] = field(default_factory=list)
    urls: list[tuple[int, str]] = field(default_factory=list)
    pieces: list[tuple[str, str, list[str]]] = field(default_factory=list)  # type, length, digests in order


def read(source: Source) -> Iterator[asyncfetch.Fetch | ListMistake]:
    """Read a Metalink 4 document."""
    document = _Document(source)
    line = 1
    try:
        for block in source.blocks():
            document.parser.Parse(block, False)  # noqa: FBT003 - expat's own signature
            yield from document.finished()
        document.parser.Parse(b"", True)  # noqa: FBT003 - expat's own signature
    except (expat.ExpatError, ValueError, LookupError) as error:
        yield from document.finished()
        line = getattr(error, "lineno", None) or document.parser.CurrentLineNumber
        reason = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else str(error)
        raise source.mistake(f"not Metalink 4: {reason}", line) from error
    yield from document.finished()


class _Document:
    """What has been read so far; expat calls the methods."""

    def __init__(self, source: Source) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._source = source
        self._path: list[str] = []
        self._text = ""
        self._attributes: dict[str, str] = {}
        self._file: _File | None = None
        self._finished: list[asyncfetch.Fetch | ListMistake] = []

    def finished(self) -> list[asyncfetch.Fetch | ListMistake]:
        """Give what was completed since the last call."""
        finished, self._finished = self._finished, []
        return finished

    def _doctype(self, *_: Any) -> None:
        raise ValueError("it declares a document type, which is refused")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        if not self._path and (namespace, name) != (_NAMESPACE, "metalink"):
            raise ValueError(f"the outermost element is {name} of {namespace or 'no namespace'}")
        if len(self._path) == _DEEPEST:
            raise ValueError("it is nested too deeply")
        self._path.append(name if namespace == _NAMESPACE else "")
        self._text, self._attributes = "", attributes
        if self._path == ["metalink", "file"]:
            self._file = _File(self.parser.CurrentLineNumber, attributes.get("name", ""))
        elif self._file is not None and self._path[2:] == ["pieces"]:
            self._file.pieces.append((attributes.get("type", ""), attributes.get("length", ""), []))

    def _characters(self, text: str) -> None:
        self._text += text
        if len(self._text) > _LONGEST:
            raise ValueError(f"an element holds more than {_LONGEST} characters")

    def _end(self, _tag: str) -> None:
        path, text = self._path, self._text.strip()
        self._text = ""
        if self._file is not None and path[:2] == ["metalink", "file"]:
            match path[2:]:
                case []:
                    self._finished.append(_wish(self._source, self._file))
                    self._file = None
                case ["size"]:
                    self._file.size = text
                case ["hash"]:
                    self._file.hashes.append((self._attributes.get("type", ""), text))
                case ["pieces", "hash"]:
                    self._file.pieces[-1][2].append(text)
                case ["url"]:
                    priority = self._attributes.get("priority", "")
                    known = priority.isascii() and priority.isdigit() and len(priority) < 10
                    self._file.urls.append((int(priority) if known else _LAST, text))
        path.pop()


def _wish(source: Source, file: _File) -> asyncfetch.Fetch | ListMistake:
    try:
        name = safe_name(file.name)
        urls = [url for _, url in sorted(file.urls, key=lambda one: one[0])]
        served = [url for url in urls if url.partition(":")[0].lower() in _SERVED]
        if not urls:
            raise ValueError(f"the file {name!r} has no URL")
        if file.size is not None and not (file.size.isascii() and file.size.isdigit() and len(file.size) < 20):
            raise ValueError(f"the size of {name!r} is not a number")
        first, *mirrors = served or urls
        size = None if file.size is None else int(file.size)
        return asyncfetch.Fetch(first, name, mirrors=mirrors, digest=_digest(file, size), size=size)
    except ValueError as error:
        return source.mistake(error, file.line)


def _digest(file: _File, size: int | None) -> str | list[str] | None:
    """Give the strongest digest of the whole, and by the pieces; those alone where they say more. Raises ValueError."""
    if any(digest_name(name) in _STRONG for name, _ in file.hashes):
        whole = best_digest(file.hashes)
        by_pieces = None
        with suppress(ValueError):  # pieces that make no sense: the whole is proven without them
            by_pieces = _by_pieces(file, size)
        return whole if whole is None or by_pieces is None else [whole, by_pieces]
    return _by_pieces(file, size) or best_digest(file.hashes)


def _by_pieces(file: _File, size: int | None) -> Digest | None:
    told = {digest_name(name): (length, hashes) for name, length, hashes in file.pieces if hashes}
    name = next((name for name in told if name in _STRONG), None) or next(
        (name for name in told if name in SIZES), None
    )
    if name is None:
        if told and not file.hashes:
            raise ValueError(f"none of the digests of its pieces can be checked: {', '.join(sorted(told))}")
        return None
    length, hashes = told[name]
    digest = Digest.of_pieces(name, int(length) if length.isdecimal() else 0, hashes)
    if size is not None and len(hashes) != -(-size // int(length)):
        raise ValueError(f"{size} bytes are not {len(hashes)} pieces of {length}")
    return digest
