"""httpx over our wire behaves as httpx: what its users rely on, for httpx and for httpx2.

On trio everything goes through httpx's own transport, so that one test is enough to see that it does.
"""

import importlib
import socket
import threading
from importlib.util import find_spec

import anyio
import pytest

from asyncfetch import ConnectFailed, FetchError, Proxies, Settings, Trust
from asyncfetch.integrations import _httpx_errors
from asyncfetch.integrations.httpx import Transport
from asyncfetch.testing import (
    Chunked,
    CloseDelimited,
    Cut,
    Gzip,
    Hold,
    Pattern,
    Raw,
    RequireBasic,
    Reset,
    Stall,
    Status,
)

from ..conftest import UVLOOP
from ..servers import nginx
from ..transports.http.proxy import running, serve_http, serve_socks
from .echo import PASSWORD, USER, echo_server

pytestmark = pytest.mark.anyio
SETTINGS = Settings(trust_env=False)
DATA = Pattern(700_000, seed=4).read()


@pytest.fixture(params=["httpx", "httpx2"])
def httpx(request):
    return pytest.importorskip(request.param)


@pytest.fixture(scope="module")
def echo():
    with echo_server() as url:
        yield url


@pytest.fixture(scope="module", params=[pytest.param("asyncio", id="asyncio"), pytest.param(UVLOOP, id="uvloop")])
def anyio_backend(request):
    return request.param


@pytest.fixture
async def client(httpx):
    async with httpx.AsyncClient(transport=Transport(SETTINGS)) as client:
        yield client


# --- requests and responses


@pytest.mark.every_loop
async def test_a_page(client, http_server, httpx):
    a = http_server.serve("/a", DATA, etag='"v1"', content_type="text/plain")
    response = await client.get(a.url, params={"q": "ä b"}, headers={"X-Mine": "1"})
    assert isinstance(response, httpx.Response)
    assert (response.status_code, response.content, response.http_version) == (200, DATA, "HTTP/1.1")
    assert (response.headers["ETag"], response.headers["content-length"]) == ('"v1"', str(len(DATA)))
    assert response.reason_phrase == "OK"
    assert response.elapsed.total_seconds() > 0
    (asked,) = a.requests
    assert (asked.query, asked.header("x-mine")) == ("q=%C3%A4+b", "1")
    assert asked.header("user-agent").startswith("python-httpx")
    assert asked.header("host") == a.url.split("/")[2]


async def test_connections_are_kept(client, http_server):
    a = http_server.serve("/a", DATA)
    for _ in range(5):
        assert (await client.get(a.url)).content == DATA
    await client.get(http_server.url("/none"))
    assert http_server.connections == 1


async def test_many_at_a_time(client, http_server):
    pages = [http_server.serve(f"/{number}", b"%d" % number * 1000) for number in range(40)]
    found = {}

    async def get(page):
        found[page.url] = (await client.get(page.url)).content

    async with anyio.create_task_group() as tasks:
        for page in pages:
            tasks.start_soon(get, page)
    assert found == {page.url: page.data for page in pages}


async def test_head_and_statuses(client, http_server, httpx):
    a = http_server.serve("/a", DATA, faults=[None, Status(503), Status(204)])
    response = await client.head(a.url)
    assert (response.headers["content-length"], response.content) == (str(len(DATA)), b"")
    assert (await client.get(a.url)).status_code == 503
    assert (await client.get(a.url)).content == b""
    missing = await client.get(http_server.url("/none"))
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        missing.raise_for_status()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_every_method_with_and_without_a_body(client, echo, method):
    heard = (await client.request(method, f"{echo}/a?b=c")).json()
    assert (heard["method"], heard["path"], heard["body"]) == (method, "/a?b=c", "")
    heard = (await client.request(method, echo, content=b"the body")).json()
    assert (heard["method"], heard["body"]) == (method, "the body")
    heard = (await client.request(method, echo, json={"a": 1})).json()
    assert heard["body"].replace(" ", "") == '{"a":1}'
    assert heard["headers"]["Content-Type"] == "application/json"


async def test_a_body_that_is_a_generator_and_one_that_is_a_form(client, echo):
    async def parts():
        yield b"one "
        yield b"two"

    assert (await client.post(echo, content=parts())).json()["body"] == "one two"
    heard = (await client.post(echo, data={"a": "1"}, files={"f": ("n.txt", b"text")})).json()
    assert "multipart/form-data" in heard["headers"]["Content-Type"]
    assert "text" in heard["body"]


async def test_a_host_of_another_name(client, echo):
    heard = (await client.get(echo, headers={"Host": "other.example"})).json()
    assert heard["headers"]["Host"] == "other.example"


async def test_targets_are_sent_as_httpx_writes_them(client, echo, httpx):
    for target in ["/a%2Fb", "/%E4%BD%A0", "/a/../b", "/a;b=c?d=e&f=%20", "/?", "/a|b", '/"quoted"', "/[x]"]:
        expected = httpx.URL(echo + target).raw_path.decode()
        assert (await client.get(echo + target)).json()["path"] == expected


# --- what httpx does on top


async def test_redirects(client, http_server, echo, httpx):
    a = http_server.serve("/a", DATA)
    http_server.redirect("/one", "/two")
    http_server.redirect("/two", "/a")
    assert (await client.get(http_server.url("/one"))).status_code == 302
    response = await client.get(http_server.url("/one"), follow_redirects=True)
    assert (response.content, str(response.url), len(response.history)) == (DATA, a.url, 2)
    http_server.redirect("/loop", "/loop")
    with pytest.raises(httpx.TooManyRedirects):
        await client.get(http_server.url("/loop"), follow_redirects=True)
    heard = (await client.post(f"{echo}/303", content=b"x", follow_redirects=True)).json()
    assert (heard["method"], heard["body"]) == ("GET", "")
    heard = (await client.post(f"{echo}/307", content=b"x", follow_redirects=True)).json()
    assert (heard["method"], heard["body"]) == ("POST", "x")


async def test_credentials(client, http_server, echo, httpx):
    a = http_server.serve("/a", DATA, always=[RequireBasic(USER, PASSWORD)])
    assert (await client.get(a.url)).status_code == 401
    assert (await client.get(a.url, auth=(USER, PASSWORD))).content == DATA
    with_secret = a.url.replace("://", f"://{USER}:{PASSWORD}@")
    assert (await client.get(with_secret)).content == DATA
    assert (await client.get(f"{echo}/digest", auth=httpx.DigestAuth(USER, PASSWORD))).status_code == 200
    assert (await client.get(f"{echo}/digest", auth=httpx.DigestAuth(USER, "wrong"))).status_code == 401


async def test_cookies(client, echo):
    heard = (await client.get(f"{echo}/cookie", follow_redirects=True)).json()
    assert heard["headers"]["Cookie"] == "one=two"
    assert dict(client.cookies) == {"one": "two"}


async def test_content_codings_are_undone(client, http_server):
    a = http_server.serve("/a", DATA, always=[Gzip()])
    response = await client.get(a.url)
    assert (response.headers["content-encoding"], response.content) == ("gzip", DATA)


async def test_event_hooks_and_a_base_url(httpx, http_server):
    http_server.serve("/base/a", DATA)
    seen = []

    async def hook(what):
        seen.append(type(what).__name__)

    async with httpx.AsyncClient(
        transport=Transport(SETTINGS),
        base_url=http_server.url("/base/"),
        event_hooks={"request": [hook], "response": [hook]},
    ) as client:
        assert (await client.get("a")).content == DATA
    assert seen == ["Request", "Response"]


async def test_mounted_for_some_urls_only(httpx, http_server):
    a = http_server.serve("/a", DATA)
    nobody = httpx.MockTransport(lambda request: httpx.Response(418))
    async with httpx.AsyncClient(transport=nobody, mounts={"all://127.0.0.1": Transport(SETTINGS)}) as client:
        assert (await client.get(a.url)).content == DATA
        assert (await client.get("http://h.example/")).status_code == 418


# --- streams


@pytest.mark.every_loop
@pytest.mark.parametrize("framing", [(), (Chunked(piece=999),), (CloseDelimited(),)])
async def test_a_stream(client, http_server, framing):
    a = http_server.serve("/a", DATA, always=framing)
    async with client.stream("GET", a.url) as response:
        assert b"".join([part async for part in response.aiter_bytes()]) == DATA
    async with client.stream("GET", a.url) as response:
        sizes = [len(part) async for part in response.aiter_raw(10_000)]
    assert (sum(sizes), max(sizes)) == (len(DATA), 10_000)
    async with client.stream("GET", a.url) as response:
        await response.aread()
        assert response.content == DATA


async def test_lines_come_as_they_are_sent(client, http_server):
    go_on = threading.Event()
    text = b"data: one\n\ndata: two\n\n"
    a = http_server.serve(
        "/events", text, content_type="text/event-stream", always=[Chunked(piece=1), Stall(11, go_on)]
    )
    async with client.stream("GET", a.url) as response:
        lines = response.aiter_lines()
        assert await anext(lines) == "data: one"
        go_on.set()
        assert [line async for line in lines] == ["", "data: two", ""]


async def test_a_stream_that_is_left_early_leaves_no_connection(client, http_server):
    a = http_server.serve("/a", Pattern(50_000_000))
    async with client.stream("GET", a.url) as response:
        async for _ in response.aiter_bytes():
            break
    await anyio.to_thread.run_sync(http_server.wait_until, lambda: http_server.open_connections == 0)
    small = http_server.serve("/b", b"b")
    assert (await client.get(small.url)).content == b"b"


@pytest.mark.descriptors
async def test_a_request_that_is_cancelled_leaves_no_connection(httpx, http_server):
    a = http_server.serve("/a", b"a", faults=[Hold()])
    async with httpx.AsyncClient(transport=(transport := Transport(SETTINGS))) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, a.url)
            await anyio.to_thread.run_sync(http_server.wait_until, lambda: a.hits == 1)
            assert "1 busy" in repr(transport)
            tasks.cancel_scope.cancel()
        assert repr(transport) == "<Transport <Pool: 0 idle, 0 busy>>"
        assert (await client.get(a.url)).content == b"a"


# --- what goes wrong


async def test_nobody_listens(client, httpx):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(httpx.ConnectError) as raised:
        await client.get(f"http://127.0.0.1:{port}/")
    assert raised.value.request.url.port == port


async def test_no_such_name(client, httpx):
    with pytest.raises(httpx.ConnectError):
        await client.get("http://nobody.invalid/")


async def test_time_limits(client, http_server, httpx):
    a = http_server.serve("/a", DATA, faults=[Hold(), Stall(1000)])
    for _ in range(2):
        with pytest.raises(httpx.ReadTimeout):
            await client.get(a.url, timeout=httpx.Timeout(5, read=0.05))
    assert (await client.get(a.url, timeout=None)).content == DATA
    # a listener whose queue is full does not answer: the third connection waits
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        with socket.create_connection(address), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            with pytest.raises((httpx.ConnectTimeout, httpx.ReadTimeout)) as raised:
                await client.get(f"http://127.0.0.1:{address[1]}/", timeout=httpx.Timeout(5, connect=0.05, read=0.05))
            assert isinstance(raised.value, httpx.TimeoutException)


async def test_the_wait_for_an_answer_does_not_count_the_time_to_connect(httpx, http_server, monkeypatch):
    a = http_server.serve("/a", b"a")
    async with httpx.AsyncClient(transport=(transport := Transport(SETTINGS))) as client:
        dial = transport._lane.dial

        async def slow(route, url):
            await anyio.sleep(0.04)
            return await dial(route, url)

        monkeypatch.setattr(transport._lane, "dial", slow)
        assert (await client.get(a.url, timeout=httpx.Timeout(5, read=0.03))).content == b"a"
        http_server.drop_connections()
        with pytest.raises(httpx.ConnectTimeout, match=r"0\.01 s"):
            await client.get(a.url, timeout=httpx.Timeout(5, connect=0.01))


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (Raw(b""), "RemoteProtocolError"),
        (Raw(b"HTTP/1.1 200 OK\r\nContent-Le"), "RemoteProtocolError"),
        (Raw(b"nonsense\r\n\r\n"), "RemoteProtocolError"),
        (Cut(1000), "RemoteProtocolError"),
        (Reset(1000), "ReadError"),
    ],
)
async def test_an_answer_that_is_none(client, http_server, httpx, fault, name):
    a = http_server.serve("/a", DATA, always=[fault])
    with pytest.raises(getattr(httpx, name)) as raised:
        await client.get(a.url)
    assert raised.value.request.url == a.url


async def test_what_comes_from_the_wire_has_our_error_as_its_cause(client, httpx):
    with pytest.raises(httpx.ConnectError) as raised:
        await client.get("http://nobody.invalid/")
    assert isinstance(raised.value.__cause__, ConnectFailed)


async def test_schemes_that_are_not_http(client, httpx):
    with pytest.raises(httpx.UnsupportedProtocol):
        await client.get("ftp://h.example/a")


@pytest.mark.parametrize("during", [_httpx_errors.DIALING, _httpx_errors.READING])
def test_every_error_of_ours_has_one_of_theirs(httpx, during):
    def kinds(kind):
        yield kind
        for below in kind.__subclasses__():
            yield from kinds(below)

    request = httpx.Request("GET", "http://h.example/")
    ours = {kind for kind in kinds(FetchError) if kind.__module__ == "asyncfetch._model.errors"}
    assert len(ours) > 20
    for kind in ours:
        error = _httpx_errors.as_httpx(kind("reason"), importlib.import_module(httpx.__name__), request, during=during)
        assert isinstance(error, httpx.TransportError), kind
        assert error.request is request


# --- TLS and proxies


async def test_tls(httpx, https_server, ca_file):
    a = https_server.serve("/a", DATA)
    async with httpx.AsyncClient(transport=Transport(Settings(trust_env=False, trust=Trust(verify=ca_file)))) as client:
        assert (await client.get(a.url)).content == DATA
        assert (await client.post(a.url, content=b"x")).status_code == 405
    async with httpx.AsyncClient(transport=Transport(SETTINGS)) as client:
        with pytest.raises(httpx.ConnectError, match=r"(?i)verif"):
            await client.get(a.url)
        with pytest.raises(httpx.ConnectError, match=r"(?i)verif"):
            await client.post(a.url, content=b"x")


@pytest.mark.skipif(nginx.missing() is not None, reason=str(nginx.missing()))
async def test_nginx(httpx, tmp_path, certificate_authority, ca_file):
    with nginx.nginx(tmp_path, certificate_authority) as root:
        (tmp_path / "root" / "a").write_bytes(DATA)
        # without the package that httpx needs for HTTP/2, only ours is tried
        for http2, version in [(False, "HTTP/1.1"), (True, "HTTP/2")][: 2 if find_spec("h2") else 1]:
            settings = Settings(trust_env=False, trust=Trust(verify=ca_file), http2=http2)
            async with httpx.AsyncClient(transport=Transport(settings), follow_redirects=True) as client:
                response = await client.get(f"{root}302")
                assert (response.content, response.http_version, len(response.history)) == (DATA, version, 1)
                busy = await client.get(f"{root}503")
                assert (busy.status_code, busy.headers["retry-after"]) == (503, "7")
                part = await client.get(f"{root}a", headers={"Range": "bytes=10-19"})
                assert (part.status_code, part.content) == (206, DATA[10:20])


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_proxies(httpx, http_server, https_server, ca_file, kind):
    plain, secret = http_server.serve("/a", DATA), https_server.serve("/a", DATA)
    with running(serve_http if kind == "http" else serve_socks, ("who", "pass")) as proxy:
        settings = Settings(trust_env=False, trust=Trust(verify=ca_file), proxies=Proxies(all=proxy.url(kind)))
        async with httpx.AsyncClient(transport=Transport(settings)) as client:
            for a in (plain, secret):
                assert (await client.get(a.url)).content == DATA
                assert (await client.post(a.url, content=b"x")).status_code == 405
        assert len(proxy.asked) >= 2


async def test_the_environment_names_the_proxy(httpx, http_server, monkeypatch):
    a = http_server.serve("/a", DATA)
    with running(serve_http) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url())
        monkeypatch.setenv("no_proxy", "localhost")
        async with httpx.AsyncClient(transport=Transport()) as client:
            assert (await client.get(a.url)).content == DATA
            assert (await client.get(a.url.replace("127.0.0.1", "localhost"))).content == DATA
        assert len(proxy.asked) == 1


def test_on_trio(httpx, http_server):
    a = http_server.serve("/a", DATA)

    async def main():
        async with httpx.AsyncClient(transport=(transport := Transport(SETTINGS))) as client:
            assert (await client.get(a.url)).content == DATA
            async with client.stream("GET", a.url) as response:
                assert b"".join([part async for part in response.aiter_bytes()]) == DATA
            assert "0 idle" in repr(transport)

    anyio.run(main, backend="trio")


async def test_a_transport_that_was_never_used_closes(httpx):
    async with httpx.AsyncClient(transport=(transport := Transport(SETTINGS))):
        assert repr(transport) == "<Transport <Pool: 0 idle, 0 busy>>"
    known = importlib.import_module("httpx" if find_spec("httpx") else "httpx2")
    assert isinstance(transport, known.AsyncBaseTransport)


async def test_two_clients_of_one_loop_are_apart(httpx, http_server):
    a = http_server.serve("/a", DATA)
    async with (
        httpx.AsyncClient(transport=Transport(SETTINGS)) as one,
        httpx.AsyncClient(transport=Transport(SETTINGS)) as two,
    ):
        assert (await one.get(a.url)).content == (await two.get(a.url)).content
    assert http_server.connections == 2
