"""Through HTTP proxies: forwarded, tunnelled, with credentials, under TLS and under TLS in TLS."""

import base64

import pytest

from asyncfetch import Proxies, Url
from asyncfetch._model.errors import (
    AccessDenied,
    Busy,
    ConnectFailed,
    Interrupted,
    MistakeError,
    ProtocolViolation,
    Untrusted,
)
from asyncfetch.testing import HttpServer, Pattern
from asyncfetch.testing.certificates import Authority

from .ends import EMPTY, get
from .proxy import proxy

pytestmark = pytest.mark.anyio
CREDENTIALS = base64.b64encode(b"me:p@ss")


def through(it, **more):
    return Proxies(all=it.url, **more)


async def test_http_is_forwarded(make_lane, http_server):
    resource = http_server.serve("/a", b"hello")
    async with proxy() as it:
        lane = make_lane(proxies=through(it))
        for _ in range(2):
            assert await get(lane, f"{resource.url}?q") == (200, b"hello")
        assert it.requests[0].startswith(
            f"GET {resource.url}?q HTTP/1.1\r\nHost: 127.0.0.1:{http_server.port}\r\n".encode()
        )
        assert repr(lane.pool) == f"<Pool: 1 idle, 0 busy; {it.url} 1 idle 0 busy>"
        with HttpServer() as other:  # one connection to the proxy serves all origins
            assert await get(lane, other.serve("/b", b"x").url) == (200, b"x")
        assert repr(lane.pool) == f"<Pool: 1 idle, 0 busy; {it.url} 1 idle 0 busy>"
        await lane.aclose()


async def test_https_is_tunnelled(make_lane, https_server, certificate_authority):
    resource = https_server.serve("/a", Pattern(1_000_000))
    async with proxy() as it:
        lane = make_lane(certificate_authority.client_context(), proxies=through(it))
        for _ in range(2):
            async with lane.send("GET", Url(resource.url), [("X-Secret", "s")]) as reply:
                view, whole = memoryview(bytearray(100_000)), 0
                while count := await reply.fill(view):
                    whole += count
                assert whole == 1_000_000
        place = f"127.0.0.1:{https_server.port}".encode()
        assert it.requests == [b"CONNECT " + place + b" HTTP/1.1\r\nHost: " + place + b"\r\n\r\n"]
        assert https_server.connections == 1
        assert repr(lane.pool) == f"<Pool: 1 idle, 0 busy; {https_server.url('')} by {it.url} 1 idle 0 busy>"
        await lane.aclose()


async def test_tls_in_tls(make_lane, https_server, certificate_authority):
    resource = https_server.serve("/a", b"hello" * 100_000)
    async with proxy(tls=certificate_authority.server_context()) as it:
        lane = make_lane(certificate_authority.client_context(), proxies=through(it))
        for _ in range(2):
            assert await get(lane, resource.url) == (200, b"hello" * 100_000)
        assert len(it.requests) == 1
        await lane.aclose()


async def test_http_by_a_proxy_under_tls(make_lane, http_server, certificate_authority):
    resource = http_server.serve("/a", b"hello")
    async with proxy(tls=certificate_authority.server_context()) as it:
        lane = make_lane(certificate_authority.client_context(), proxies=through(it))
        assert await get(lane, resource.url) == (200, b"hello")
        await lane.aclose()


async def test_the_proxys_certificate_is_verified(make_lane, http_server, certificate_authority):
    resource = http_server.serve("/a", b"hello")
    async with proxy(tls=Authority().server_context()) as it:
        lane = make_lane(certificate_authority.client_context(), proxies=through(it))
        with pytest.raises(Untrusted, match="not trusted"):
            await get(lane, resource.url)
    assert resource.hits == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_credentials(make_lane, http_server, https_server, certificate_authority, scheme):
    server = https_server if scheme == "https" else http_server
    resource = server.serve("/a", b"hello")
    async with proxy(credentials=CREDENTIALS) as it:
        knowing = it.url.replace("http://", "http://me:p%40ss@")
        context = certificate_authority.client_context()
        lane = make_lane(context, proxies=Proxies(all=knowing))
        assert await get(lane, resource.url) == (200, b"hello")
        assert all(request.header("proxy-authorization") is None for request in https_server.requests)
        for wrong in (it.url, it.url.replace("http://", "http://me:sesame@")):
            other = make_lane(context, proxies=Proxies(all=wrong))
            with pytest.raises(AccessDenied, match="credentials") as caught:
                await get(other, resource.url)
            assert caught.value.status == 407
            assert "sesame" not in str(caught.value)
            assert it.url.removeprefix("http://") in str(caught.value)
            assert " 0 busy" in repr(other.pool)
            await other.aclose()
        await lane.aclose()
    assert resource.hits == 1


@pytest.mark.parametrize(
    ("refusal", "error", "match"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad", ConnectFailed, "answered 502"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", AccessDenied, "does not allow"),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n", Busy, "answered 503"),
        (b"", Interrupted, "closed the connection"),
        (b"SSH-2.0\r\n", ProtocolViolation, "not an answer"),
        (b"HTTP/1.1 200 OK\r\n\r\nbytes before their time", ProtocolViolation, "before the tunnel"),
        (b"HTTP/1.1 200 OK\r\n\r\n", ConnectFailed, "handshake"),  # and closes
    ],
)
async def test_a_tunnel_that_is_refused(make_lane, certificate_authority, refusal, error, match):
    async with proxy(refusal=refusal) as it:
        lane = make_lane(certificate_authority.client_context(), proxies=through(it))
        with pytest.raises(error, match=match) as caught:
            await get(lane, "https://h.invalid/x")  # the proxy resolves names, we do not
        if error is Busy:
            assert caught.value.retry_after == 7
    assert it.requests[0].startswith(b"CONNECT h.invalid:443 HTTP/1.1\r\n")
    assert repr(lane.pool) == EMPTY


async def test_no_proxy_leads_straight_there(make_lane, http_server):
    resource = http_server.serve("/a", b"hello")
    async with proxy() as it:
        lane = make_lane(proxies=through(it, no_proxy=("127.0.0.0/8",)))
        assert await get(lane, resource.url) == (200, b"hello")
    assert it.requests == []


async def test_the_environment_is_read_where_it_is_trusted(make_lane, http_server, monkeypatch):
    resource = http_server.serve("/a", b"hello")
    async with proxy() as it:
        monkeypatch.setenv("http_proxy", it.url)
        for trusted in (False, True):
            lane = make_lane(trust_env=trusted)
            assert await get(lane, resource.url) == (200, b"hello")
            assert len(it.requests) == trusted
            await lane.aclose()


async def test_socks_is_for_the_other_lane(make_lane):
    lane = make_lane(proxies=Proxies(all="socks5://127.0.0.1:1"))
    with pytest.raises(MistakeError, match="no SOCKS"):
        await get(lane, "http://h.invalid/x")


async def test_a_proxy_that_is_not_there(make_lane, http_server):
    url = http_server.url("")
    http_server.stop()
    lane = make_lane(proxies=Proxies(all=url))
    with pytest.raises(ConnectFailed, match="connection refused"):
        await get(lane, "http://h.invalid/x")
