"""Far ends: places that really serve bytes over one scheme, and where a test can put them.

A FarEnd publishes bytes under a name and gives their URL; ``settings`` is what a client needs to reach it. The fixture
``far_end`` runs a test once for each of FAR_ENDS, `check_transport` runs the rules of a transport against one.

>>> from asyncfetch.testing import open_far_end
>>> with open_far_end("http") as far_end:
...     url = far_end.publish("a/b.txt", b"hello")
...     url.startswith("http://127.0.0.1:")
True
"""

from __future__ import annotations

import os
import tempfile
from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from .._model.settings import Settings, Trust
from . import faults as f

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from .certificates import Authority
    from .http import HttpServer
    from .memory import MemoryTransport


class FarEnd(ABC):
    """Where a test publishes what a transport of ``scheme`` is to fetch.

    Say what the far end can do: ``ranges`` (it continues at an offset), ``validators`` (what it serves is labelled, so
    that it can also say UNCHANGED), ``listing``. Names may have several segments; they are plain text, not encoded.
    """

    scheme: ClassVar[str]
    ranges: ClassVar[bool] = True
    validators: ClassVar[bool] = True
    listing: ClassVar[bool] = False
    settings: Settings = Settings()

    @abstractmethod
    def publish(self, name: str, data: bytes) -> str:
        """Serve bytes and give their URL. What had this name is replaced, and its validator is another then."""

    @abstractmethod
    def url(self, name: str) -> str:
        """Give the URL of a name, whether there is something or not."""

    def publish_stalling(self, name: str, data: bytes, at: int) -> str | None:  # noqa: ARG002 - for those who can
        """Serve bytes, the first answer to which sends nothing after ``at`` bytes; None where that cannot be had."""
        return None

    def publish_cut(self, name: str, data: bytes, at: int) -> str | None:  # noqa: ARG002 - for those who can
        """Serve bytes, the first answer to which breaks off after ``at`` bytes; None where that cannot be had."""
        return None


class HttpFarEnd(FarEnd):
    """An `HttpServer` as a far end; ``server`` is it."""

    scheme = "http"

    def __init__(self, server: HttpServer, settings: Settings | None = None) -> None:
        self.server = server
        self.settings = settings or Settings()

    def publish(self, name: str, data: bytes) -> str:
        """Serve bytes."""
        return self.server.serve(_path(name), data).url

    def url(self, name: str) -> str:
        """Give the URL of a name."""
        return self.server.url(_path(name))

    def publish_stalling(self, name: str, data: bytes, at: int) -> str:
        """Serve bytes; the first answer stalls."""
        return self.server.serve(_path(name), data, faults=[f.Stall(at)]).url

    def publish_cut(self, name: str, data: bytes, at: int) -> str:
        """Serve bytes; the first answer is cut."""
        return self.server.serve(_path(name), data, faults=[f.Cut(at)]).url


class HttpsFarEnd(HttpFarEnd):
    """The same over TLS; ``settings`` trust its authority."""

    scheme = "https"


class FileFarEnd(FarEnd):
    """A folder as a far end."""

    scheme = "file"
    listing = True

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._time = 1_600_000_000 * 10**9

    def publish(self, name: str, data: bytes) -> str:
        """Write a file; its time is a second later than that of the one before, whatever the clock's grain."""
        path = os.path.join(self.folder, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        self._time += 10**9
        os.utime(path, ns=(self._time, self._time))
        return self.url(name)

    def url(self, name: str) -> str:
        """Give the URL of a name."""
        from pathlib import Path

        return Path(self.folder, *name.split("/")).as_uri()


class MemoryFarEnd(FarEnd):
    """A `MemoryTransport` as its own far end."""

    scheme = "memory"
    listing = True

    def __init__(self, transport: MemoryTransport) -> None:
        self.transport = transport

    def publish(self, name: str, data: bytes) -> str:
        """Publish bytes."""
        return self.transport.publish(_path(name), data).url

    def url(self, name: str) -> str:
        """Give the URL of a name."""
        return self.transport.url(_path(name))

    def publish_stalling(self, name: str, data: bytes, at: int) -> str:
        """Publish bytes; the first answer stalls."""
        return self.transport.publish(_path(name), data, faults=[f.Stall(at)]).url

    def publish_cut(self, name: str, data: bytes, at: int) -> str:
        """Publish bytes; the first answer is cut."""
        return self.transport.publish(_path(name), data, faults=[f.Cut(at)]).url


def _path(name: str) -> str:
    return "/" + quote(name)


@cache
def _authority() -> Authority:
    """Give the authority of all far ends of this process: who trusts it trusts them all, so one client can use them."""
    from .certificates import Authority

    return Authority()


@contextmanager
def _http() -> Iterator[FarEnd]:
    from .http import HttpServer

    with HttpServer() as server:
        yield HttpFarEnd(server)


@contextmanager
def _https() -> Iterator[FarEnd]:
    from .http import HttpServer

    authority = _authority()
    with tempfile.TemporaryDirectory() as folder, HttpServer(tls=authority) as server:
        ca_file = authority.write(os.path.join(folder, "ca.pem"))
        yield HttpsFarEnd(server, Settings(trust=Trust(verify=ca_file)))


@contextmanager
def _file() -> Iterator[FarEnd]:
    with tempfile.TemporaryDirectory() as folder:
        yield FileFarEnd(os.path.realpath(folder))


@contextmanager
def _ftp() -> Iterator[FarEnd]:
    from .ftp import FtpFarEnd, FtpServer

    with FtpServer() as server:
        yield FtpFarEnd(server)


@contextmanager
def _ftps() -> Iterator[FarEnd]:
    from .ftp import FtpServer, FtpsFarEnd

    authority = _authority()
    with tempfile.TemporaryDirectory() as folder, FtpServer(tls=authority) as server:
        ca_file = authority.write(os.path.join(folder, "ca.pem"))
        yield FtpsFarEnd(server, Settings(trust=Trust(verify=ca_file)))


def _s3() -> AbstractContextManager[FarEnd]:
    from .s3 import open_s3_far_end

    return open_s3_far_end()


# one way to open a far end for each scheme; new schemes add themselves here
FAR_ENDS: dict[str, Callable[[], AbstractContextManager[FarEnd]]] = {
    "file": _file,
    "ftp": _ftp,
    "ftps": _ftps,
    "http": _http,
    "https": _https,
    "s3": _s3,
}


def open_far_end(scheme: str) -> AbstractContextManager[FarEnd]:
    """Start a far end of one scheme on this machine, and stop it on leaving. Raises KeyError for another scheme."""
    return FAR_ENDS[scheme]()
