"""Source: the text of a list, line by line, with the line numbers that mistakes are named by.

Rules: a list is UTF-8 (with or without a byte order mark). A line, and a list that must be held as a whole, is bounded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..._model.digest import Digest
from ..._model.errors import FetchError, MistakeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LONGEST_LINE = 1024 * 1024
LARGEST_WHOLE = 256 * 1024 * 1024  # a conda-lock.yml of a large project is 3 MB
_LONGEST_SHOWN = 2000  # characters of a URL in a message
_LOOK_AHEAD = 10_000  # comment lines before the first that tells the form


class Unreadable(ValueError):
    """One entry of a list is not of the form; where it stands is known to whoever catches this."""


class ListMistake(MistakeError):
    """A list, or one line of it, that cannot be read; ``name`` and ``line`` say where."""

    action = "cannot read the list"

    def __init__(self, reason: str, *, name: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.name = name
        self.line = line

    def __str__(self) -> str:
        where = "" if self.line is None else f" line {self.line}"
        return f"{self.action} `{self.name}`{where}: {self.reason}"


class Source:
    """The lines of a list; iterating gives (number, text without the line end), from 1 on."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self._stream = stream
        self._ahead: list[bytes] = []
        self._line = 0

    def mistake(self, reason: str | Exception, line: int | None = None) -> ListMistake:
        """Name what is wrong and where. An error of the tree gives its own reason, its URL masked."""
        if isinstance(reason, str):
            return ListMistake(reason, name=self.name, line=line)
        if isinstance(reason, FetchError):
            shown = f" `{reason.url}`" if reason.url and len(reason.url) < _LONGEST_SHOWN else ""
            text = f"{reason.action}{shown}: {reason.reason}" if shown else reason.reason
        else:
            text = getattr(reason, "strerror", None) or str(reason)
        mistake = ListMistake(text, name=self.name, line=line)
        mistake.__cause__ = reason
        return mistake

    def first_telling_line(self) -> str:
        """Give the first line that is neither blank nor a comment, without using it up; empty when there is none."""
        for _ in range(_LOOK_AHEAD):
            raw = self._stream.readline(LONGEST_LINE)
            if not raw:
                break
            self._ahead.append(raw)
            text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").rstrip()
            if text and not text.lstrip().startswith("#"):
                return text
        return ""

    def __iter__(self) -> Iterator[tuple[int, str]]:
        ahead, self._ahead = self._ahead, []
        for raw in ahead:
            yield self._text(raw)
        while raw := self._stream.readline(LONGEST_LINE):
            yield self._text(raw)

    def _text(self, raw: bytes) -> tuple[int, str]:
        self._line += 1
        if self._line == 1:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise self.mistake("the list is UTF-16; save it as UTF-8", 1)
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if len(raw) >= LONGEST_LINE and not raw.endswith(b"\n"):
            raise self.mistake(f"the line is longer than {LONGEST_LINE} bytes", self._line)
        try:
            return self._line, raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise self.mistake("the line is not UTF-8", self._line) from error

    def whole(self) -> bytes:
        """Give everything at once."""
        ahead, self._ahead = b"".join(self._ahead), []
        rest = self._stream.read(LARGEST_WHOLE + 1)
        if len(ahead) + len(rest) > LARGEST_WHOLE:
            raise self.mistake(f"the list is larger than {LARGEST_WHOLE} bytes")
        return (ahead + rest).removeprefix(b"\xef\xbb\xbf")

    def whole_text(self) -> str:
        """Give everything at once, as text."""
        raw = self.whole()
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.mistake("the list is not UTF-8", raw.count(b"\n", 0, error.start) + 1) from error

    def blocks(self, size: int = 64 * 1024) -> Iterator[bytes]:
        """Give everything piece by piece."""
        yield b"".join(self._ahead)
        self._ahead = []
        while block := self._stream.read(size):
            yield block


_DRIVE = re.compile(r"[A-Za-z]:")


def safe_name(text: str) -> str:
    """Give the relative path that a list asks for, if it stays below the directory; raise ValueError if it does not.

    A list may come from anyone, so a name counts as written on any system: a backslash separates, ``C:`` is a drive.
    """
    if not text.isprintable() or not text:
        raise ValueError(f"the name {text!r} is empty or holds a character that does not print")
    parts = text.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or _DRIVE.match(text):
        raise ValueError(f"the name {text!r} leads out of the directory")
    if parts[-1] in ("", "."):
        raise ValueError(f"the name {text!r} names no file")
    if "\\" in text:
        raise ValueError(f"the name {text!r} holds a backslash")
    return "/".join(part for part in parts if part not in ("", "."))


_NAMES = {"sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}  # IANA registry of hash function text names
_BEST_FIRST = ("sha256", "sha512", "blake2b", "blake2b-256", "sha1", "md5")


def digest_name(text: str) -> str:
    """Give our name of a hash function for the registered one."""
    name = text.strip().lower()
    return _NAMES.get(name, name)


def best_digest(pairs: list[tuple[str, str]]) -> str | None:
    """Give the strongest of several digests of the same bytes as "algorithm:hex"; None when there are none.

    Checking one strong digest is enough and costs one pass. Raises ValueError when none can be checked, so that a list
    that does promise something is never fetched unverified.
    """
    known = {digest_name(algorithm): value.strip() for algorithm, value in pairs}
    for name in _BEST_FIRST:
        if name in known:
            return str(Digest(f"{name}:{known[name]}"))
    if known:
        raise ValueError(f"none of the digests can be checked: {', '.join(sorted(known))}")
    return None
