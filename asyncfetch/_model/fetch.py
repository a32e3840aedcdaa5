"""Fetch, the wish; Result, the outcome."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .digest import Digest
from .errors import MistakeError
from .exchange import Timings, Validator
from .url import Url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol, TypeVar

    Many = TypeVar("Many")

    class PathLike(Protocol):
        """A pathlib.Path or its like."""

        def __fspath__(self) -> str:
            """Give the path as text."""


_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # RFC 9110 section 5.6.2
# what the engine itself must decide, or resume and digests could not be trusted
_OURS = {
    "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "accept-encoding",
    "host", "content-length", "transfer-encoding", "connection", "te", "upgrade", "expect",
}  # fmt: skip


@dataclass(frozen=True, slots=True, init=False)
class Fetch:
    """A wish: these sources, that destination, this digest. A frozen value.

    ``to`` is a file path or a directory (one that exists, or a string that ends in a separator); None keeps the body in
    memory. ``digest`` is one or several of "sha256:HEX", or "sha256" to compute one. ``size`` in bytes must hold.
    ``unless`` asks conditionally. ``headers`` go to http sources.

    Raises InvalidUrl and MistakeError.

    >>> Fetch("https://h.example/p.conda", "pkgs/", size=123).size
    123
    """

    url: Url
    to: str | None
    mirrors: tuple[Url, ...]
    digest: Digest | tuple[Digest, ...] | None
    size: int | None
    unless: Validator | None
    headers: tuple[tuple[str, str], ...]

    def __init__(
        self,
        url: str | Url,
        to: str | PathLike | None = None,
        *,
        mirrors: Iterable[str | Url] = (),
        digest: str | Iterable[str] | None = None,
        size: int | None = None,
        unless: Validator | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "url", Url(url) if type(url) is str else Url.of(url))
        put(self, "to", None if to is None else _path(to))
        put(self, "mirrors", () if mirrors == () else _mirrors(mirrors, self.url))
        if type(digest) is str:
            put(self, "digest", Digest(digest))
        else:
            digests = Digest.many(digest)
            put(self, "digest", digests if len(digests) > 1 else digests[0] if digests else None)
        if size is not None and not is_count(size):
            raise MistakeError(f"the size is a number of bytes, not {size!r}", url=self.url)
        put(self, "size", size)
        if unless is not None and not isinstance(unless, Validator):
            raise MistakeError(f"`unless` is a Validator, not {type(unless).__name__}", url=self.url)
        put(self, "unless", unless)
        put(self, "headers", _headers(headers, self.url) if headers else ())

    def __repr__(self) -> str:
        told = [repr(str(self.url))] + ([] if self.to is None else [repr(self.to)])
        told += [f"{name}={value!r}" for name in ("digest", "size") if (value := getattr(self, name)) is not None]
        told += [f"mirrors={[str(mirror) for mirror in self.mirrors]!r}"] if self.mirrors else []
        return f"Fetch({', '.join(told)})"

    @property
    def provable(self) -> bool:
        """Whether a digest says what the bytes must be."""
        digest = self.digest
        if digest is None or isinstance(digest, Digest):
            return digest is not None and ":" in digest
        return any(one.value for one in digest)

    @property
    def digests(self) -> tuple[Digest, ...]:
        """The digests as a tuple, however they were given."""
        return () if self.digest is None else (self.digest,) if isinstance(self.digest, Digest) else self.digest

    @property
    def sources(self) -> tuple[Url, ...]:
        """The URL, then the mirrors."""
        return (self.url, *self.mirrors)


@dataclass(frozen=True, slots=True)
class Result:
    """What a fetch came to.

    ``path`` is where the file is (None: the bytes are in ``content``). ``source`` is the URL asked in the end.
    ``transferred`` counts the bytes of bodies that crossed the wire, ``elapsed`` is in seconds. ``digest`` is what was
    asked for or declared, else None. ``resumed_from`` is the offset at which this fetch went on from an earlier one's
    part, 0 if it began anew. ``unchanged``: the source says that ``unless`` still holds, nothing was written.
    """

    fetch: Fetch
    path: str | None
    source: Url
    size: int
    digest: Digest | None = None
    validator: Validator | None = None
    attempts: int = 1
    resumed_from: int = 0
    unchanged: bool = False
    transferred: int = 0
    elapsed: float = 0.0
    timings: Timings = field(default_factory=Timings)
    content: bytes | None = None
    chain: tuple[str, ...] = ()

    def __repr__(self) -> str:
        what = "unchanged" if self.unchanged else f"{self.size} bytes in {self.elapsed:.2f} s"
        return f"<Result {self.source} -> {self.path or 'memory'}: {what}>"


def several(wishes: Many) -> Many:
    """Give back an iterable of wishes. Raises MistakeError for a lone URL, which would be read letter by letter."""
    if isinstance(wishes, str | bytes | Url | Fetch) or not (
        hasattr(wishes, "__iter__") or hasattr(wishes, "__aiter__")
    ):
        raise MistakeError(
            f"what is to be fetched is an iterable of URLs and Fetches, not {type(wishes).__name__}",
            hint="for one alone there is `fetch`",
        )
    return wishes


def is_count(value: object) -> bool:
    """Tell whether a value is a number of bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _path(to: str | PathLike) -> str:
    text = to if isinstance(to, str) else to.__fspath__() if hasattr(to, "__fspath__") else None
    if not isinstance(text, str):
        raise MistakeError(f"the destination is a path as str or PathLike, not {type(to).__name__}")
    if not text:
        raise MistakeError("the destination is empty; `.` is the current directory")
    if "\0" in text:
        raise MistakeError(f"the destination {text!r} holds a NUL")
    return text


def _mirrors(mirrors: Iterable[str | Url], url: Url) -> tuple[Url, ...]:
    if isinstance(mirrors, str | Url):
        return (Url.of(mirrors),)
    if not hasattr(mirrors or (), "__iter__"):
        raise MistakeError(f"mirrors are an iterable of URLs, not {type(mirrors).__name__}", url=url)
    return tuple([Url.of(mirror) for mirror in mirrors or ()])


def _headers(headers: Mapping[str, str] | Iterable[tuple[str, str]], url: Url) -> tuple[tuple[str, str], ...]:
    given = headers.items() if hasattr(headers, "items") else headers
    pairs = tuple(given) if hasattr(given, "__iter__") else ((),)
    if any(
        not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair)
        for pair in pairs
    ):
        raise MistakeError("headers are a mapping, or pairs, of name and value as str", url=url)
    for name, value in pairs:
        if not _TOKEN.match(name):
            # up to a space: `Authorization Basic ...` has lost its colon, and the rest may be secret
            raise MistakeError(f"{name.partition(' ')[0]!r} is not the name of a header", url=url)
        if not value.isprintable():  # CR, LF and NUL above all: they would be commands
            raise MistakeError(f"the value of header {name} holds a control character", url=url)
        if name.lower() in _OURS:
            raise MistakeError(f"the header {name} is set by asyncfetch itself", url=url)
        if name.lower() == "proxy-authorization":  # through a tunnel it would be told to the origin
            raise MistakeError(
                f"the header {name} is for the proxy alone",
                url=url,
                hint="give Proxies(...) its URL with user:password@",
            )
    return tuple((name, value) for name, value in pairs)
