"""Every server of every scheme as a far end: two or more a scheme, so that none is right by the quirks of one.

``PLACES`` maps a scheme to the names of its servers. `open_place` starts one; `Place.far` publishes there, and
`Place.client` may read.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

import pytest

import asyncfetch
from asyncfetch import Limits, Retry, Settings, Trust
from asyncfetch.testing import Authority
from asyncfetch.testing.far_ends import FarEnd, FileFarEnd, open_far_end
from tests.servers.process import missing
from tests.servers.proftpd import proftpd
from tests.servers.pureftpd import pureftpd
from tests.servers.vsftpd import vsftpd

from .http.wire.nginx import BINARY, nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

# the first of each also serves trio. proftpd only once: it takes a third of a second to greet whom it saw just before
PLACES = {
    "http": ("nginx", "ours"),
    "https": ("nginx", "ours"),
    "s3": ("seaweed", "juicefs", "moto"),
    "ftp": ("vsftpd", "pure-ftpd", "pyftpdlib"),
    "ftps": ("vsftpd", "proftpd", "pyftpdlib"),
    "file": ("a disk", "a RAM disk"),
}
_FTP = {"vsftpd": vsftpd, "proftpd": proftpd, "pure-ftpd": pureftpd}


@dataclass
class Place:
    """A server that runs, and whom it lets in."""

    scheme: str
    name: str
    far: FarEnd
    settings: Settings
    auth: dict[str, tuple[str, str]] = field(default_factory=dict)

    def client(self, *, auth: dict | None = None, **settings: object) -> asyncfetch.Client:
        """A client that may read there, unless ``auth`` says otherwise."""
        told = replace(self.settings, **{"retry": Retry(backoff=0.0), **settings})
        return asyncfetch.Client(settings=told, auth=self.auth if auth is None else auth)

    def slow_client(self) -> asyncfetch.Client:
        """One that takes its time, so that it can be caught in the middle."""
        return self.client(limits=Limits(rate=20_000_000))


class Folder(FarEnd):
    """What a server makes of a folder of ours; ``url_of`` gives the URL of a path in it."""

    listing: ClassVar[bool] = True

    def __init__(self, folder: Path, url_of: object) -> None:
        self.folder, self._url_of = folder, url_of
        self._time = 1_600_000_000

    def publish(self, name: str, data: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(data)
        self._time += 1
        os.utime(path, (self._time, self._time))
        return self.url(name)

    def url(self, name: str) -> str:
        return self._url_of(quote(name))


@contextmanager
def open_place(scheme: str, name: str, request: pytest.FixtureRequest) -> Iterator[Place]:
    """Start a server, or skip the test, saying why."""
    with ExitStack() as stack:
        if scheme == "s3":
            s3 = request.getfixturevalue(f"{name}_place")
            yield Place(scheme, name, s3.far_end, s3.settings, s3.auth)
        elif scheme == "file":
            near = "/dev/shm" if name == "a RAM disk" else None
            if near is not None and not os.access(near, os.W_OK):
                pytest.skip("there is no RAM disk here")
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=near))
            yield Place(scheme, name, FileFarEnd(os.path.realpath(folder)), Settings())
        elif name in {"ours", "pyftpdlib"}:
            far = stack.enter_context(open_far_end(scheme))
            yield Place(scheme, name, far, far.settings)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder.chmod(0o755)  # the servers give up root
            authority = Authority()
            trust = Trust(verify=authority.write(folder / "ca.pem"))
            start = _nginx if name == "nginx" else _ftp
            far = stack.enter_context(start(scheme, name, folder, authority))
            yield Place(scheme, name, far, Settings(trust=trust))


@contextmanager
def _nginx(scheme: str, _: str, folder: Path, authority: Authority):
    if BINARY is None:
        pytest.skip("nginx is not installed")
    with nginx(folder, authority) as server:
        base = server.http if scheme == "http" else server.https
        yield Folder(folder / "files", lambda path: f"{base}/{path}")


@contextmanager
def _ftp(scheme: str, name: str, folder: Path, authority: Authority):
    absent = missing("vsftpd", "proftpd", "pure-ftpd")
    if absent is not None:
        pytest.skip(absent)
    for one in ("root", "work"):
        (folder / one).mkdir(mode=0o755)
    authority.write_server_certificate(folder / "pair.pem", rsa=True)
    tls = None if scheme == "ftp" else "explicit"
    with _FTP[name](folder / "root", folder / "work", tls=tls, certificate=folder / "pair.pem") as far:
        yield Folder(folder / "root", lambda path: far.url(path, scheme=scheme))
