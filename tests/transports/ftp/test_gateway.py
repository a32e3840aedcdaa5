"""ftp where a proxy is stated: asked of it, or refused in words; never gone around it."""

import base64

import pytest

from asyncfetch import Client, MistakeError, NotFound, Proxies, Settings, UnsupportedScheme
from asyncfetch.testing import FtpServer
from tests.servers import proxies

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
def squid(tmp_path_factory):
    if why := proxies.missing("squid"):
        pytest.skip(why)
    with proxies.squid(tmp_path_factory.mktemp("squid"), "me", "s3cret") as port:
        yield f"http://me:s3cret@127.0.0.1:{port}"


@pytest.mark.parametrize("who", ["anonymous", "a user"])
async def test_squid_fetches_for_us(squid, tmp_path, who):
    user = {} if who == "anonymous" else {"user": "you", "password": "ftp-s3cret"}
    with FtpServer(**user, anonymous=not user) as server:
        server.serve("a/b.bin", b"hello" * 1000)
        async with Client(settings=Settings(trust_env=False, proxies=Proxies(all=squid))) as client:
            result = await client.fetch(server.url("a/b.bin", **user), tmp_path / "b")
            assert (tmp_path / "b").read_bytes() == b"hello" * 1000
            assert result.size == 5000
            with pytest.raises(NotFound):
                await client.read(server.url("a/absent", **user))
            with pytest.raises(UnsupportedScheme, match="lists no folders"):
                [entry async for entry in client.list(server.url("a/"))]


async def test_what_a_proxy_is_asked(http_server, monkeypatch):
    """The far end here is the proxy itself."""
    url = "ftp://h.invalid:2121/a%20b"
    resource = http_server.serve("/a%20b", b"hello")
    monkeypatch.setenv("FTP_PROXY", http_server.url(""))
    async with Client(auth={"ftp://h.invalid:2121/": ("you", "s3cret")}) as client:
        assert await client.read(url, headers={"X-Api-Key": "s3cret"}) == b"hello"
        assert (await client.stat(url)).size == 5
    first = resource.requests[0]
    assert first.target == url
    assert first.header("host") == "h.invalid:2121"
    assert first.header("authorization") == "Basic " + base64.b64encode(b"you:s3cret").decode()
    assert first.header("x-api-key") is None
    assert resource.requests[1].method == "HEAD"


@pytest.mark.parametrize(
    ("url", "proxy"),
    [("ftps://h.invalid/a", "http://p.invalid:1"), ("ftp://h.invalid/a", "socks5://me:s3cret@p.invalid:1")],
)
async def test_what_is_not_spoken_is_refused_and_nobody_is_asked(url, proxy):
    async with Client(settings=Settings(trust_env=False, proxies=Proxies(all=proxy))) as client:
        with pytest.raises(MistakeError, match="NO_PROXY") as caught:
            await client.read(url)
    assert "s3cret" not in str(caught.value)
    assert "p.invalid" in str(caught.value)


async def test_no_proxy_leads_straight_there(ftp_server, monkeypatch):
    ftp_server.serve("a", b"hello")
    monkeypatch.setenv("ftp_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with Client() as client:
        assert await client.read(ftp_server.url("a")) == b"hello"
