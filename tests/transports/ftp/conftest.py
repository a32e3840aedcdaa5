"""An embedded server, and transports that are closed."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from asyncfetch import Settings, Timeouts, Trust, Url
from asyncfetch._model.exchange import Request
from asyncfetch._transports.ftp import FtpTransport
from asyncfetch.testing.ftp import FtpServer


@pytest.fixture
def server():
    with FtpServer() as one:
        yield one


@pytest.fixture(params=["plain", "explicit", "implicit"])
def any_server(request, certificate_authority):
    """The three ways to speak FTP."""
    tls = None if request.param == "plain" else certificate_authority
    with FtpServer(tls=tls, implicit=request.param == "implicit") as one:
        yield one


@pytest.fixture
def transport(ca_file):
    """Give a way to make a transport for a server: ``async with transport(server, **settings) as one``."""

    @asynccontextmanager
    async def make(server=None, *, auth=None, **more):
        settings = Settings() if server is None else server.settings
        settings = replace(
            settings, **{"trust": Trust(verify=ca_file), "timeouts": Timeouts(connect=5, read=5), **more}
        )
        one = FtpTransport(settings, auth=auth)
        try:
            yield one
        finally:
            await one.aclose()

    return make


async def read(body, size=65_536):
    data, view = bytearray(), memoryview(bytearray(size))
    while count := await body.fill(view):
        data += view[:count]
    return bytes(data)


async def get(transport, url, **more):
    async with transport.open(Request(Url.of(url), **more)) as body:
        return await read(body)
