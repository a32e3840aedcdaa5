"""Channels: from what people write to the URLs of their subdirs, and to the names that conda's cache gives them.

Rules: the key of a cached file comes from the URL with the credentials that are written in it, as conda has it: a token
that comes from elsewhere is for the request alone, and does not change the key.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._model.errors import InvalidUrl, MistakeError
from .._model.url import Url
from ._tokens import with_token

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._transports.http.tokens import Site

ALIAS = "https://conda.anaconda.org"
_SUBDIR = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*\Z")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*(?:/[A-Za-z0-9_.\-]+)*/?\Z")
_LOCAL = re.compile(r"(?:~|\.{0,2}[/\\]|\.{1,2}\Z|[A-Za-z]:[/\\])")
_WITH_TOKEN = re.compile(r"/t/[^/]+(?=/|\Z)")


@dataclass(frozen=True, slots=True, init=False)
class Channel:
    """A channel: a URL of any scheme, a path on this machine, or a name under the alias; and its mirrors, as URLs.

    Raises InvalidUrl and MistakeError.

    >>> Channel("https://h.example/main", mirrors=["s3://bucket/main"]).name
    'https://h.example/main'
    """

    name: str
    url: Url | None
    mirrors: tuple[Url, ...]

    def __init__(self, channel: str | Url, *, mirrors: Iterable[str | Url] = ()) -> None:
        put = object.__setattr__
        what: object = channel  # whatever a caller gave
        url: Url | None = None
        if isinstance(channel, Url) or (isinstance(what, str) and "://" in what):
            url = _base(Url.of(channel))
        elif isinstance(what, str) and _LOCAL.match(what):
            from pathlib import Path

            url = Url(Path(what).expanduser().absolute().as_uri())
        elif not isinstance(what, str) or not _NAME.match(what):
            raise MistakeError(f"not a channel: {what!r}", hint="give a URL, a path, or a name such as `conda-forge`")
        put(self, "url", url)
        put(self, "name", str(what if url is None else url).rstrip("/"))
        given = (mirrors,) if isinstance(mirrors, str | Url) else mirrors
        put(self, "mirrors", tuple(_base(Url.of(mirror)) for mirror in given))

    @classmethod
    def of(cls, what: str | Url | Channel) -> Channel:
        """Take what a caller gave."""
        return what if isinstance(what, cls) else cls(what)  # type: ignore[arg-type] # told apart

    def sources(self, alias: Url) -> tuple[Url, ...]:
        """Give the URL of the channel, then its mirrors, as they are written."""
        return self.url or _below(_base(alias), self.name), *self.mirrors


@dataclass(frozen=True, slots=True)
class Place:
    """One subdir of one channel: where it is, and what conda's cache calls it.

    ``urls`` are those of the folder, the channel's own first. ``own`` is that one as it is written, without a token
    from elsewhere, and ``key`` the name of the cached file, without its ending, that comes from it. ``public`` is the
    URL without credentials, for the state file.
    """

    channel: str
    subdir: str
    urls: tuple[Url, ...]
    own: Url
    key: str
    public: str

    def file(self, number: int, name: str) -> Url:
        """Give the URL of a file of the subdir, at one of its sources."""
        return _below(self.urls[number], name)


def place(channel: Channel, subdir: str, sources: tuple[Url, ...], tokens: Sequence[Site]) -> Place:
    """Say where a subdir is. Raises MistakeError for what cannot be the name of one."""
    name: object = subdir
    if not isinstance(name, str) or not _SUBDIR.match(name):
        raise MistakeError(f"not a subdir: {name!r}", hint="such as `linux-64` or `noarch`")
    written = tuple(_below(source, subdir) for source in sources)
    urls = tuple(with_token(url, tokens) for url in written)
    return Place(channel.name, subdir, urls, written[0], key_for(written[0]), _public(written[0]))


def key_for(subdir_url: Url, file_name: str = "repodata.json") -> str:
    """Give the name, without its ending, under which conda caches a file of a subdir.

    >>> key_for(Url("https://conda.anaconda.org/conda-forge/linux-64"))
    '497deca9'
    """
    text = subdir_url.reveal().rstrip("/") + "/"
    if file_name != "repodata.json":
        text += file_name
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8]


def _base(url: Url) -> Url:
    if url.query is not None:
        raise InvalidUrl("the URL of a channel has no query", url=url)
    return url


def _below(folder: Url, name: str) -> Url:
    return Url(f"{folder.reveal().rstrip('/')}/{name}")


def _public(url: Url) -> str:
    plain = url.without_userinfo()
    path = _WITH_TOKEN.sub("", plain.path, count=1)
    return plain.reveal()[: -len(plain.path)] + path if path != plain.path else plain.reveal()


def folder_for(cache_dir: str | os.PathLike[str]) -> str:
    """Give the cache folder as an absolute path. Raises MistakeError."""
    text: object = os.fspath(cache_dir)
    if not isinstance(text, str) or not text or "\0" in text:
        raise MistakeError(f"the cache folder is a path, not {cache_dir!r}")
    return os.path.abspath(text)
