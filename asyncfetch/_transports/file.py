"""file: the far end that is a disk of this machine.

Rules (RFC 8089): ``file:///path`` and ``file://localhost/path``; other hosts are refused. The validator is inode,
modification time and size, and it is looked at again at the end, so that a file which changes while it is read is not
taken for whole. Every OSError becomes an error of the tree: a permission problem is never "not found".
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from io import FileIO
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from .._model.errors import AccessDenied, FetchError, Interrupted, InvalidUrl, NotFound, RangeRefused, SourceError
from .._model.exchange import Answer, Body, Entry, Request, Stat, Timings, Validator
from .._model.url import Url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from .._model.ports import Transport
    from .._model.settings import Settings

_KINDS = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"))
_PAGE = 1000  # entries listed for one hop to a thread
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


class FileTransport:
    """Serves file:// URLs."""

    def __init__(
        self,
        settings: Settings,
        *,
        auth: Mapping[str, Any] | None = None,
        lend: Callable[[str], Awaitable[Transport]] | None = None,
    ) -> None:
        """Take what every transport is given; a local file needs none of it."""

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Body]:
        """Open a regular file at an offset."""
        path = local_path(request.url)
        # opening a file of this machine takes microseconds, the hop to a thread 100: it is made for slow ones only
        with _mapped(request.url):
            descriptor = os.open(path, _FLAGS)
        try:
            with _mapped(request.url):
                body = _FileBody(request, descriptor)
            yield body
        finally:
            with suppress(OSError):  # it was read only: what was to be told has been told
                os.close(descriptor)

    async def stat(self, request: Request) -> Stat:
        """Tell size and time of a file."""
        with _mapped(request.url):
            about = await anyio.to_thread.run_sync(os.stat, local_path(request.url))
            if stat.S_ISDIR(about.st_mode):
                raise IsADirectoryError(errno.EISDIR, "Is a directory")
        import mimetypes

        kind, _ = mimetypes.guess_type(request.url.name)
        return Stat(about.st_size, _time(about), _validator(request.url, about), kind)

    async def list(self, url: Url) -> AsyncIterator[Entry]:
        """List a directory, in the order of names."""
        path = local_path(url)
        base = url if url.path.endswith("/") else Url(url.reveal() + "/")
        with _mapped(url):
            entries = await anyio.to_thread.run_sync(partial(_scan, path))
        for name, about in entries:
            yield _entry(base, name, about)

    async def aclose(self) -> None:
        """Nothing is kept open."""


class _FileBody(Body):
    """The bytes of an open file."""

    def __init__(self, request: Request, descriptor: int) -> None:
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        if not stat.S_ISREG(about.st_mode):
            raise SourceError("it is neither a file nor a directory", url=request.url)
        self._asked = request.url
        self._descriptor = descriptor
        self._file = FileIO(descriptor, closefd=False)
        self.url = request.url
        self.size = about.st_size
        self.validator = _validator(request.url, about)
        self.timings = Timings()
        self.answer, self.offset = _answer(request, self.validator, about.st_size)
        self.descriptor = descriptor if request.end is None else None
        self._at = self.offset
        self._end = about.st_size if request.end is None else min(request.end, about.st_size)
        if self.offset:
            os.lseek(descriptor, self.offset, os.SEEK_SET)
        self.ended = self.answer is Answer.UNCHANGED

    async def fill(self, into: memoryview) -> int:
        """Read the next bytes; in a thread, as a disk may be slow."""
        wanted = min(len(into), self._end - self._at)
        if wanted > 0 and not self.ended:
            with _mapped(self._asked):
                count = await anyio.to_thread.run_sync(self._file.readinto, into[:wanted])
            if not count:
                raise Interrupted(f"it ended at byte {self._at} of {self._end}: it is being changed", url=self._asked)
            self._at += count
        else:
            count = 0
        if self._at >= self._end and not self.ended:
            self._check_unchanged()
        return count

    def passed(self, count: int) -> None:
        """Count what the kernel copied."""
        self._at += count
        if count == 0 and self._at < self._end:
            raise Interrupted(f"it ended at byte {self._at} of {self._end}: it is being changed", url=self._asked)
        if self._at >= self._end:
            self._check_unchanged()

    def _check_unchanged(self) -> None:
        with _mapped(self._asked):
            about = os.fstat(self._descriptor)
        if _validator(self._asked, about) != self.validator:
            raise Interrupted("it was changed while it was read", url=self._asked)
        self.ended = True


def _answer(request: Request, validator: Validator, size: int) -> tuple[Answer, int]:
    if request.unless is not None and request.unless == validator:
        return Answer.UNCHANGED, 0
    if not request.offset:
        return (Answer.FULL if request.end is None else Answer.PARTIAL), 0
    if request.matching is not None and request.matching != validator:
        return Answer.FULL, 0
    if request.offset >= size:
        raise RangeRefused(f"it has {size} bytes, byte {request.offset} was asked for", url=request.url)
    return Answer.PARTIAL, request.offset


def local_path(url: Url) -> str:
    """Give the path of a file URL. Raises InvalidUrl."""
    if url.host not in {"", "localhost"} or url.port is not None or url.userinfo is not None:
        raise InvalidUrl("a file URL names no other host", url=url, hint="write file:///path")
    if url.query is not None:
        raise InvalidUrl("a file URL has no query", url=url, hint="a `?` in a file name is written %3F")
    path = url.decoded_path
    if "\0" in path:
        raise InvalidUrl("a file name holds no NUL", url=url)
    if sys.platform == "win32":
        from urllib.request import url2pathname

        return url2pathname(url.path)
    return path or "/"


def _validator(url: Url, about: os.stat_result) -> Validator:
    return Validator(
        str(url),
        etag=f"{about.st_dev}-{about.st_ino}",
        modified=str(about.st_mtime_ns),
        size=about.st_size,
        strong=True,
    )


def _time(about: os.stat_result) -> datetime:
    return datetime.fromtimestamp(about.st_mtime, UTC)


def _scan(path: str) -> list[tuple[str, os.stat_result | None]]:
    found: list[tuple[str, os.stat_result | None]] = []
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                found.append((entry.name, entry.stat()))
            except OSError:  # a link to nowhere, or gone since
                found.append((entry.name, None))
    return sorted(found, key=lambda pair: pair[0])


def _entry(base: Url, name: str, about: os.stat_result | None) -> Entry:
    from urllib.parse import quote

    kind = "other"
    if about is not None:
        kind = next((word for test, word in _KINDS if test(about.st_mode)), "other")
    path = quote(os.fsencode(name), safe="") + ("/" if kind == "directory" else "")
    size = about.st_size if about is not None and kind == "file" else None
    return Entry(Url(base.reveal() + path), name, kind, size, None if about is None else _time(about))


class _mapped:  # noqa: N801 - reads as a statement: with _mapped(url)
    """Turns every OSError into an error of the tree."""

    __slots__ = ("_url",)

    def __init__(self, url: Url) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, FetchError):
            return
        reason = error.strerror or str(error)
        if error.errno == errno.ENOENT:
            raise NotFound("there is no such file", url=self._url) from error
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise AccessDenied(
                reason, url=self._url, hint="check the permissions of the file and its folders"
            ) from error
        if error.errno in {errno.EISDIR, errno.ENOTDIR}:
            is_directory = error.errno == errno.EISDIR
            hint = "name a file, or list the directory" if is_directory else "something on this path is a file"
            raise SourceError(reason, url=self._url, hint=hint) from error
        if error.errno in {errno.EIO, errno.ESTALE, errno.EAGAIN, errno.EINTR}:
            raise Interrupted(reason, url=self._url) from error
        raise SourceError(reason, url=self._url) from error
