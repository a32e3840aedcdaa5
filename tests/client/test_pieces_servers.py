"""One large file over several connections from servers that none of us wrote: nginx, vsftpd, proftpd, pure-ftpd, S3."""

import os
from contextlib import contextmanager

import pytest

from asyncfetch import S3, Limits, Trust
from asyncfetch._pieces import Pieces
from tests.servers import nginx as of_nginx
from tests.servers.nginx import nginx
from tests.servers.process import folder_for_all, missing
from tests.servers.proftpd import proftpd
from tests.servers.pureftpd import pureftpd
from tests.servers.seaweed import seaweed
from tests.servers.vsftpd import vsftpd

from .eager import BODY
from .scene import client, digest_of, idle, until

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]


@pytest.fixture(scope="module")
def anyio_backend():
    """One loop: what differs between loops is tested with embedded servers."""
    return "asyncio"


@pytest.fixture(scope="module")
def place():
    with folder_for_all() as folder:
        yield folder


@contextmanager
def _nginx(place, authority):
    if (reason := of_nginx.missing()) is not None:
        pytest.skip(reason)
    with nginx(place, authority) as base:
        (place / "root" / "body").write_bytes(BODY)
        yield f"{base}body", {"trust": Trust(verify=authority.write(place / "ca.pem"))}


@contextmanager
def _ftp(place, make, name, **more):
    if (reason := missing(name)) is not None:
        pytest.skip(reason)
    (place / "root").mkdir()
    (place / "root" / "body").write_bytes(BODY)
    os.utime(place / "root" / "body", (1_600_000_000, 1_600_000_000))
    with make(place / "root", place, **more) as far:
        yield far.url("body", scheme="ftps" if more else "ftp"), {"trust": Trust(verify=False)} if more else {}


@contextmanager
def _seaweed(place):
    with seaweed(place) as far:
        yield far.put("body", BODY), {"s3": S3(endpoint_url=far.endpoint, region="us-east-1"), "auth": far.auth}


@pytest.fixture(scope="module", params=["nginx", "vsftpd", "proftpd", "pure-ftpd", "seaweed"])
def served(request, place, certificate_authority):
    folder = place / request.param
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    make = {
        "nginx": lambda: _nginx(folder, certificate_authority),
        "vsftpd": lambda: _ftp(folder, vsftpd, "vsftpd"),
        "proftpd": lambda: _ftp(folder, proftpd, "proftpd"),
        "pure-ftpd": lambda: _ftp(folder, pureftpd, "pure-ftpd"),
        "seaweed": lambda: _seaweed(folder),
    }[request.param]
    with make() as (url, settings):
        yield url, settings


@pytest.mark.parametrize("digested", [False, True])
async def test_each_byte_comes_once_over_several_connections(tmp_path, eager, monkeypatch, served, digested):
    url, settings = served
    begun = []
    real = Pieces._carry

    async def carry(self, lane, flow, ahead):
        begun.append(lane)
        if len(begun) == 1:  # the first connection waits until the others have brought some pieces
            lane.brings = True
            await until(lambda: len(begun) > 6)
        await real(self, lane, flow, ahead)

    monkeypatch.setattr(Pieces, "_carry", carry)
    async with client(limits=Limits(connections_per_file=3), **settings) as one:
        result = await one.fetch(url, tmp_path / "file", digest=digest_of(BODY) if digested else None)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert len(set(begun)) == 3
    assert (result.transferred, result.attempts) == (len(BODY), 1)
