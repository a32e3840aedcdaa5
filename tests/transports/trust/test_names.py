"""Names as people write them and as certificates have them: the root's dot is none of a certificate's business."""

import asyncio

import pytest

from asyncfetch import Client, Retry, Settings, Trust, Untrusted
from asyncfetch._transports.http.transport import HttpTransport
from asyncfetch.testing import FtpServer, HttpServer

pytestmark = pytest.mark.anyio
DATA = b"hello"


@pytest.mark.parametrize("lane", ["wire", "httpx", "ftps"])
@pytest.mark.parametrize(
    ("host", "trusted"), [("h.example.", True), ("H.Example", True), ("h.example.evil.test.", False)]
)
async def test_the_dot_of_the_root(everywhere, certificate_authority, ca_file, anyio_backend_name, lane, host, trusted):
    if (lane, anyio_backend_name) == ("wire", "trio"):
        pytest.skip("the wire lane is asyncio's")
    if lane == "httpx" and anyio_backend_name == "asyncio" and "uvloop" in str(type(asyncio.get_running_loop())):
        pytest.skip("uvloop looks names up by itself, out of this test's reach")
    settings = Settings(trust_env=False, trust=Trust(verify=ca_file), retry=Retry(attempts=1))
    tls = certificate_authority.server_context("h.example")
    ftp = FtpServer(tls=certificate_authority, certificate={"names": ("h.example",)})
    http = HttpTransport(settings, lane=None if lane == "ftps" else lane)
    with HttpServer(tls=tls) as web, ftp:
        web.serve("/a", DATA)
        ftp.serve("a", DATA)
        url = f"ftps://{host}:{ftp.port}/a" if lane == "ftps" else f"https://{host}:{web.port}/a"
        try:
            async with Client(settings=settings, transports={"https": http}) as client:
                if trusted:
                    assert await client.read(url) == DATA
                else:
                    with pytest.raises(Untrusted, match="is for another host"):
                        await client.read(url)
        finally:
            await http.aclose()
