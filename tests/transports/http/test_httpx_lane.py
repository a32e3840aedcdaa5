"""What only the httpx lane does: HTTP/2 and SOCKS; and proxies, which every lane does."""

import contextlib

import anyio
import anyio.lowlevel
import pytest

from asyncfetch import (
    AccessDenied,
    Answer,
    Busy,
    ConnectFailed,
    FetchError,
    Interrupted,
    MistakeError,
    NotFound,
    ProtocolViolation,
    Request,
    Settings,
    Trust,
    Url,
)
from asyncfetch._model.exchange import Timings
from asyncfetch._model.settings import Proxies
from asyncfetch._transports.http.httpx_lane import HttpxLane
from asyncfetch._transports.http.httpx_reply import HttpxReply
from asyncfetch._transports.http.transport import HttpTransport
from asyncfetch.testing import Pattern
from tests.servers.nginx import missing, nginx

from .proxy import running, serve_http, serve_socks

pytestmark = pytest.mark.anyio
DATA = Pattern(300_000).read()


@pytest.fixture
def server(request):
    """Loopback over http and over https, one after the other."""
    return request.getfixturevalue(request.param)


EITHER = pytest.mark.parametrize("server", ["http_server", "https_server"], indirect=True)


@contextlib.asynccontextmanager
async def transport(**settings):
    made = HttpTransport(Settings(trust_env=False, **settings), lane="httpx")
    try:
        yield made
    finally:
        await made.aclose()


async def get(made, url, **more):
    async with made.open(Request(Url(url), **more)) as body:
        return b"".join([chunk async for chunk in body.chunks])


# -- proxies


@EITHER
@pytest.mark.parametrize("user", [None, ("me", "p%40w")])
async def test_an_http_proxy(server, ca_file, user):
    file = server.serve("/a/../b?c=%2F", DATA)
    with running(serve_http, user and ("me", "p@w")) as proxy:
        url = f"http://{'me:p%40w@' if user else ''}127.0.0.1:{proxy.port}"
        async with transport(proxies=Proxies(all=url), trust=Trust(verify=ca_file)) as made:
            assert await get(made, file.url) == DATA
            assert await get(made, file.url, offset=10) == DATA[10:]
    place = f"127.0.0.1:{server.port}"
    tunnelled = file.url.startswith("https")
    assert proxy.asked[0] == (f"CONNECT {place}" if tunnelled else f"GET {file.url}")
    # the target goes on as it is written
    assert [asked.target.removeprefix(f"http://{place}") for asked in file.requests] == ["/a/../b?c=%2F"] * 2
    assert all(asked.header("proxy-authorization") is None for asked in file.requests) or not tunnelled


@EITHER
async def test_a_proxy_that_wants_to_know_us(server, ca_file):
    file = server.serve("/a", DATA)
    with running(serve_http, ("me", "secret")) as proxy:
        settings = {"proxies": Proxies(all=f"http://127.0.0.1:{proxy.port}"), "trust": Trust(verify=ca_file)}
        async with transport(**settings) as made:
            with pytest.raises(AccessDenied, match="proxy") as caught:
                await get(made, file.url)
    assert caught.value.status == 407
    assert file.hits == 0


async def test_a_proxy_that_does_not_lead_there(https_server):
    with running(serve_http, refuse="502 Bad Gateway") as proxy:
        async with transport(proxies=Proxies(all=proxy.url())) as made:
            with pytest.raises(ConnectFailed, match="502"):
                await get(made, https_server.url("/a"))


async def test_a_proxy_that_is_not_there(http_server):
    with running(serve_http) as proxy:
        pass
    async with transport(proxies=Proxies(all=proxy.url())) as made:
        with pytest.raises(ConnectFailed):
            await get(made, http_server.url("/a"))


@EITHER
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("user", [None, ("me", "pw")])
async def test_a_socks_proxy(server, ca_file, scheme, user):
    file = server.serve("/a", DATA)
    with running(serve_socks, user) as proxy:
        settings = Settings(proxies=Proxies(all=proxy.url(scheme)), trust=Trust(verify=ca_file), trust_env=False)
        made = HttpTransport(settings)  # the lane is not forced: SOCKS is httpx's
        assert await get(made, server.url("/a", host="localhost")) == DATA
        await made.aclose()
    assert file.hits == 1
    assert proxy.asked == [f"localhost:{server.port}"]


@pytest.mark.parametrize("user", [None, ("me", "other")])
async def test_a_socks_proxy_that_refuses(http_server, user):
    with running(serve_socks, user and ("me", "secret"), refuse=not user) as proxy:
        url = proxy.url("socks5").replace("secret", "other")
        async with transport(proxies=Proxies(all=url)) as made:
            with pytest.raises(FetchError) as caught:
                await get(made, http_server.url("/a"))
    assert isinstance(caught.value, ConnectFailed | AccessDenied)


async def test_socks_without_its_library(http_server, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "socksio", None)
    async with transport(proxies=Proxies(all="socks5://127.0.0.1:1")) as made:
        with pytest.raises(MistakeError, match="socksio"):
            await get(made, http_server.url("/a"))


async def test_hosts_reached_directly(http_server):
    file = http_server.serve("/a", DATA)
    with running(serve_http) as proxy:
        async with transport(proxies=Proxies(all=proxy.url(), no_proxy="127.0.0.0/8")) as made:
            assert await get(made, file.url) == DATA
    assert not proxy.asked


# -- HTTP/2


@pytest.fixture(scope="module")
def site(certificate_authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    with nginx(folder, certificate_authority) as url:
        (folder / "root" / "a").write_bytes(DATA)
        yield url, folder


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
class TestHttp2:
    @pytest.fixture
    async def made(self, ca_file):
        made = HttpTransport(Settings(http2=True, trust=Trust(verify=ca_file), trust_env=False))
        yield made
        await made.aclose()

    async def test_bodies(self, made, site):
        url, folder = site
        whole = f"{url}a"
        async with made.open(Request(Url(whole))) as body:
            assert b"".join([chunk async for chunk in body.chunks]) == DATA
            assert (body.size, body.timings.tls > 0) == (len(DATA), True)
        assert await get(made, whole, offset=1000, matching=body.validator) == DATA[1000:]
        async with made.open(Request(Url(whole), unless=body.validator)) as again:
            assert again.answer is Answer.UNCHANGED
        assert await get(made, f"{url}302") == DATA
        assert (await made.stat(Request(Url(whole)))).size == len(DATA)
        assert "HTTP/2.0 GET /a 200" in (folder / "access").read_text()

    async def test_errors(self, made, site):
        url, _ = site
        with pytest.raises(NotFound):
            await get(made, f"{url}nothing")
        with pytest.raises(Busy) as caught:
            await get(made, f"{url}503")
        assert caught.value.retry_after == 7

    async def test_many_over_one_connection(self, made, site):
        url, _ = site
        got = []

        async def whole():
            got.append(len(await get(made, f"{url}a")))

        await whole()
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(whole)
        assert got == [len(DATA)] * 11
        assert len(made._lanes.lane(Url(url))._transports[None]._pool.connections) == 1

    async def test_left_early(self, made, site):
        """The window of the connection would be used up after a few of them, and all others hang (httpcore #943)."""
        url, folder = site
        (folder / "root" / "large").write_bytes(bytes(6 << 20))
        for _ in range(6):
            async with made.open(Request(Url(f"{url}large"))) as body:
                await body.fill(memoryview(bytearray(10)))
        with anyio.fail_after(20):
            assert len(await get(made, f"{url}large")) == 6 << 20

    async def test_cancelled_at_any_step(self, made, site, monkeypatch):
        url, folder = site
        (folder / "root" / "large").write_bytes(bytes(6 << 20))
        abandoned, abandon = [], HttpxLane.abandon

        async def noting(self, where):
            abandoned.append(where)
            await abandon(self, where)

        monkeypatch.setattr(HttpxLane, "abandon", noting)
        for steps in range(20):
            await get(made, f"{url}a")
            async with anyio.create_task_group() as group:
                group.start_soon(get, made, f"{url}large")
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
        assert len(abandoned) >= 6
        with anyio.fail_after(20):
            assert len(await get(made, f"{url}large")) == 6 << 20

    async def test_plain_http_stays_http1(self, http_server, anyio_backend_name):
        file = http_server.serve("/a", DATA)
        made = HttpTransport(Settings(http2=True, trust_env=False))
        assert await get(made, file.url) == DATA
        assert isinstance(made._lanes.lane(Url(file.url)), HttpxLane) == (anyio_backend_name == "trio")
        await made.aclose()


# -- the lane itself


class Stream:
    """A stream of httpx's, as far as the lane knows it; HTTP/2 frames come in any number."""

    def __init__(self, *parts):
        self.parts = parts

    async def __aiter__(self):
        for part in self.parts:
            yield part

    async def aclose(self):
        """Nothing is open."""


class Response:
    status_code = 200
    extensions = {"http_version": b"HTTP/2"}  # noqa: RUF012 - nobody changes it

    def __init__(self, *parts, length):
        self.stream = Stream(*parts)
        self.headers = type("Headers", (), {"raw": [(b"Content-Length", str(length).encode())]})


@pytest.mark.parametrize(("length", "kind"), [(4, ProtocolViolation), (7, Interrupted)])
async def test_http2_bodies_are_held_to_their_length(length, kind):
    reply = HttpxReply(Response(b"abc", b"", b"de", length=length), Url("https://h/"), "GET", Timings())
    view = memoryview(bytearray(10))
    assert await reply.fill(view) == 3
    with pytest.raises(kind, match=str(length)):
        while await reply.fill(view):
            pass
    await reply.leave()
    await reply.finish()


async def test_empty_parts_are_not_the_end():
    reply = HttpxReply(Response(b"abc", b"", b"de", length=5), Url("https://h/"), "GET", Timings())
    view = memoryview(bytearray(2))
    sizes = [await reply.fill(view) for _ in range(5)]
    assert sizes == [2, 1, 2, 0, 0]
    assert await reply.leave()


async def test_httpx_serves_too(http_server, monkeypatch):
    """Without httpx2 its older name does all the same."""
    httpx = pytest.importorskip("httpx")
    monkeypatch.setattr("asyncfetch._transports.http._httpx.find_spec", lambda name: None)
    file = http_server.serve("/a", DATA)
    async with transport() as made:
        assert await get(made, file.url) == DATA
        async with made.open(Request(Url(file.url))) as body:
            await body.fill(memoryview(bytearray(10)))
        assert await get(made, file.url, offset=7) == DATA[7:]
        with pytest.raises(NotFound):
            await get(made, http_server.url("/nothing"))
        [kind] = {type(one) for one in made._lanes.lane(Url(file.url))._transports.values()}
        assert kind is httpx.AsyncHTTPTransport
