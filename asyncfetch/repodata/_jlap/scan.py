"""Find the few members of a large JSON document that patches touch, without parsing the rest.

A repodata.json of 300 MB becomes 2 GB of Python objects, and parsing it holds the interpreter for seconds. Patches
touch a few records of it. So the document is passed through once, member by member: the outline tells where the touched
ones lie, with their bytes, where new ones belong, and how the document is written.

Rules: two levels are looked at, ``/packages`` and ``/packages/NAME``; what lies deeper is part of its member. Members
are told apart as JSON says (strings, nesting) but not validated: what is made of them is proven by a hash.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .chain import Doubt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import BinaryIO

_PIECE = 1024 * 1024  # bytes read at a time
_MOST = 16 * 1024 * 1024  # bytes of one member, and of all touched ones together
_DEPTH = 5  # brackets within the brackets of a value

# possessive throughout (Python 3.11): a match that fails does not try other ways
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'


def _nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    """Give the pattern of text between brackets of one kind; the other kind is text like any other."""
    deeper = [] if depth == 0 else [_nested(opening, closing, depth - 1)]
    inner = b"|".join([b'[^"' + opening + closing + b"]++", _STRING, *deeper])
    return opening + b"(?:" + inner + b")*+" + closing


_OBJECT = _nested(rb"\{", rb"\}", _DEPTH)
_VALUE = b"|".join([_OBJECT, _nested(rb"\[", rb"\]", _DEPTH), _STRING, rb'[^\s,{}\[\]"]++'])
_KEY = rb'\s*+"([^"\\]*+(?:\\.[^"\\]*+)*+)"'
_OPEN = re.compile(rb'\s*+\{(\s*+)(?:(\})|(?="))')
_NAME = re.compile(_KEY + rb"(\s*+:\s*+)(?=\S)")
_REST = re.compile(rb"(" + _VALUE + rb")\s*+([,}])", re.DOTALL)
_MEMBER = re.compile(_KEY + rb"\s*+:\s*+(" + _VALUE + rb")\s*+([,}])", re.DOTALL)
_MARK = re.compile(rb"\s*+([,}])")


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is written: its indentation (None: all in one line), the text after a key, plain ASCII or not."""

    indent: str | None
    colon: str
    plain: bool


@dataclass(frozen=True, slots=True)
class Member:
    """One member as it lies in the file, offsets in bytes: from behind the one before it to the end of its value."""

    key: str
    begin: int
    end: int
    first: bool
    text: bytes


@dataclass(slots=True)
class Container:
    """An object of the document, and what is of interest in it; ``touched`` in the order of the file."""

    opening: int  # offset behind its `{`
    touched: list[Member] = field(default_factory=list)
    bystander: Member | None = None  # the first member that is not touched
    places: dict[str, int] = field(default_factory=dict)  # a touched key that is not there -> where it belongs
    ordered: bool = True
    count: int = 0
    last: int = 0  # end of its last value
    closing: int = 0  # offset of its `}`


@dataclass(slots=True)
class Outline:
    """What was found: the document, and those of its members that are looked into."""

    style: Style
    root: Container
    inner: dict[str, Container]


def outline(file: BinaryIO, touched: Mapping[str, Iterable[str] | None], tick: Callable[[], object]) -> Outline:
    """Pass through a file. ``touched`` maps names at the top to names below them, or to None: the member as a whole.

    ``tick`` is called now and then, to stop by raising. Raises Doubt and OSError.
    """
    window = _Window(file, tick)
    opened = window.take(_OPEN)
    if opened[2]:
        raise Doubt("the file that is held is an empty object")
    root = Container(window.offset - len(opened[1]))
    note = _Note(root, touched)
    within = {_bytes(name): (name, below) for name, below in touched.items()}
    inner: dict[str, Container] = {}
    colon, mark = b"", b","
    while mark == b",":
        named = window.take(_NAME)
        key, colon = _unescaped(named[1]), named[2]
        name, below = within.get(key, ("", ()))
        if window.next == b"{" and below is not None:
            container = _object(window, below)
            if name:
                inner[name] = container
            note.see(key, window.offset, None)
            mark = window.take(_MARK)[1]
        else:
            rest = window.take(_REST)
            note.see(key, window.base + rest.end(1), rest[1])
            mark = rest[2]
    note.end(window.offset - 1)
    window.drain()
    indent = opened[1].decode().rpartition("\n")[2] if b"\n" in opened[1] else None
    return Outline(Style(indent, colon.decode(), window.plain), root, inner)


def _object(window: _Window, wanted: Iterable[str]) -> Container:
    """Pass through one object member by member: the loop that nearly all bytes of a document go through."""
    opened = window.take(_OPEN)
    container = Container(window.offset - len(opened[1]) - (opened[2] is not None))
    note = _Note(container, wanted)
    mark = b"}" if opened[2] else b","
    take, see = window.take, note.see
    while mark == b",":
        found = take(_MEMBER)
        key, text, mark = found.groups()
        see(_unescaped(key) if b"\\" in key else key, window.base + found.end(2), text)
    note.end(window.offset - 1)
    return container


class _Note:
    """Takes down what is of interest in one container."""

    def __init__(self, container: Container, wanted: Iterable[str]) -> None:
        container.last = container.opening
        self._container = container
        self._absent = {_bytes(name): name for name in wanted}
        self._waiting = sorted(self._absent, reverse=True)  # the next one is the last
        self._previous = b""
        self._size = 0

    def see(self, key: bytes, end: int, text: bytes | None) -> None:
        """Take down the next member; a ``text`` of None is not looked at, whatever was wanted."""
        container, waiting = self._container, self._waiting
        begin = container.last
        if key <= self._previous and container.count:
            container.ordered = False
        while waiting and waiting[-1] <= key:
            passed = waiting.pop()
            if passed in self._absent and passed != key:
                container.places[self._absent[passed]] = begin
        wanted = self._absent.pop(key, None)
        if wanted is not None and text is not None:
            self._size += len(text)
            if self._size > _MOST:
                raise Doubt("the patches touch more of the file than is worth patching")
            container.touched.append(Member(wanted, begin, end, container.count == 0, text))
        elif container.bystander is None:
            container.bystander = Member("", begin, end, container.count == 0, b"")
        container.last = end
        container.count += 1
        self._previous = key

    def end(self, closing: int) -> None:
        container = self._container
        container.closing = closing
        places = container.places if container.ordered else {}
        container.places = {name: places.get(name, container.last) for name in self._absent.values()}


class _Window:
    """The part of a file that is looked at: it moves on, and holds no more than what a match needs."""

    def __init__(self, file: BinaryIO, tick: Callable[[], object]) -> None:
        self._file = file
        self._tick = tick
        self._data = b""
        self._at = 0
        self.base = 0  # offset in the file of what the last match counts from
        self.plain = True  # no byte beyond ASCII so far

    @property
    def offset(self) -> int:
        return self.base + self._at

    @property
    def next(self) -> bytes:
        return self._data[self._at : self._at + 1]

    def take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """Match here and go on behind it, reading more as needed. Raises Doubt where it cannot match."""
        while True:
            found = pattern.match(self._data, self._at)
            if found is not None:
                self._at = found.end()
                return found
            if not self._more():
                raise Doubt(f"the file that is held is not written as a repodata.json, at byte {self.offset}")

    def drain(self) -> None:
        """Read to the end: only white space may follow."""
        while True:
            if self._data[self._at :].strip():
                raise Doubt("something follows the end of the file that is held")
            self._at = len(self._data)
            if not self._more():
                return

    def _more(self) -> bool:
        self._tick()
        rest = self._data[self._at :]
        if len(rest) > _MOST:
            raise Doubt("a member of the file that is held is too large to patch")
        piece = self._file.read(max(_PIECE, len(rest)))  # doubling: a long member is looked at a few times only
        if not piece:
            return False
        self.plain = self.plain and piece.isascii()
        self.base += self._at
        self._data, self._at = rest + piece, 0
        return True


def _bytes(key: str) -> bytes:
    """Give the form in which keys are compared: bytes of UTF-8 have the order of the characters."""
    return key.encode("utf-8", "surrogatepass")


def _unescaped(key: bytes) -> bytes:
    try:
        return _bytes(json.loads(b'"' + key + b'"'))
    except ValueError as error:
        raise Doubt(f"a key of the file that is held is no JSON: {error}") from error
