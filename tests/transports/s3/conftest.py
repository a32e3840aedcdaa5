from contextlib import asynccontextmanager

import pytest

from asyncfetch._model.exchange import Request
from asyncfetch._model.settings import Settings
from asyncfetch._model.url import Url
from asyncfetch._transports.http.transport import HttpTransport
from asyncfetch._transports.s3 import S3Transport


@pytest.fixture(autouse=True)
def aws(monkeypatch, tmp_path):
    """Where the files of an AWS setup are looked for; there are none."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))
    return tmp_path


@pytest.fixture(params=["moto", "seaweed", "juicefs"])
def place(request):
    """Each S3 server that keeps the rules of ranges."""
    return request.getfixturevalue(f"{request.param}_place")


@pytest.fixture(params=["moto", "seaweed", "juicefs", "rclone"])
def any_place(request):
    return request.getfixturevalue(f"{request.param}_place")


class Watched:
    """An http transport that notes what goes through it."""

    def __init__(self, settings):
        self.http = HttpTransport(settings)
        self.sent = []

    def send(self, method, url, headers, ready=None):
        self.sent.append((method, url, dict(headers)))
        return self.http.send(method, url, headers, ready)


@asynccontextmanager
async def s3(settings=None, auth=None):
    """An S3 transport; ``transport.sent`` lists the requests it made."""
    settings = settings or Settings()
    watched = Watched(settings)

    async def lend(scheme):
        return watched

    transport = S3Transport(settings, auth=auth, lend=lend)
    transport.sent = watched.sent
    try:
        yield transport
    finally:
        await transport.aclose()
        await watched.http.aclose()


async def content(transport, url, **more):
    """What an object holds, and the body it came in."""
    async with transport.open(Request(Url(url), **more)) as body:
        return b"".join([chunk async for chunk in body.chunks]), body
