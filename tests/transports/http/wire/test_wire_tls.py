"""TLS on the wire: whom it trusts, where it ends, and that it brings the right bytes."""

import asyncio
import ssl

import pytest

from asyncfetch import Timeouts, Url
from asyncfetch._model.errors import AccessDenied, ConnectFailed, Interrupted, MistakeError, TimedOut, Untrusted
from asyncfetch._transports.distrust import Party
from asyncfetch._transports.http.handshake import begin
from asyncfetch.testing import Chunked, Cut, HttpServer, Pattern, Raw, Reset
from asyncfetch.testing.certificates import Authority, self_signed_context

from .ends import EMPTY, HEADERS, get, in_thread, read, serving

pytestmark = pytest.mark.anyio
BODY = bytes(range(256)) * 4000


@pytest.fixture
def tls_lane(make_lane, certificate_authority):
    return make_lane(certificate_authority.client_context())


async def test_bodies_over_one_connection(tls_lane, https_server):
    small, large = https_server.serve("/s", b"hello"), https_server.serve("/l", BODY)
    chunked = https_server.serve("/c", BODY, always=[Chunked(5000)])
    for size in (1000, 16_384, 65_536, 1 << 20):
        assert await get(tls_lane, small.url) == (200, b"hello")
        assert await get(tls_lane, large.url, size=size) == (200, BODY)
        assert await get(tls_lane, chunked.url, size=size) == (200, BODY)
    assert https_server.connections == 1


async def test_timings(tls_lane, https_server):
    resource = https_server.serve("/s", b"hello")
    async with tls_lane.send("GET", Url(resource.url), HEADERS) as reply:
        assert reply.timings.connect > 0
        assert reply.timings.tls > 0


@pytest.mark.parametrize(
    ("case", "match"),
    [
        ("expired", "`127.0.0.1` has expired; only `Trust"),
        ("other address", "`127.0.0.1` is for another address"),
        ("self-signed", r"`127.0.0.1` is self-signed; `Trust\(verify=...\)` or SSL_CERT_FILE takes"),
        ("unknown issuer", "`127.0.0.1` was issued by an authority that is not trusted; `Trust"),
    ],
)
async def test_whom_it_does_not_trust(tls_lane, certificate_authority, case, match):
    tls = {
        "expired": lambda: certificate_authority.server_context(expired=True),
        "other address": lambda: certificate_authority.server_context("10.0.0.1"),
        "self-signed": self_signed_context,
        "unknown issuer": lambda: Authority().server_context(),
    }[case]()
    with HttpServer(tls=tls) as server:
        resource = server.serve("/s", b"hello")
        with pytest.raises(Untrusted, match=match) as caught:
            await get(tls_lane, resource.url)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
        assert resource.hits == 0
        await in_thread(server.wait_until, lambda: server.open_connections == 0)
    assert repr(tls_lane.pool) == EMPTY


async def test_a_name_is_verified_too(tls_lane, certificate_authority):
    stranger = certificate_authority.server_context("other.example")
    with HttpServer(tls=stranger) as server, pytest.raises(Untrusted, match="`localhost` is for another host"):
        await get(tls_lane, server.url("/", host="localhost"))
    with HttpServer(tls=certificate_authority) as server:
        assert await get(tls_lane, server.url("/s", host="localhost")) == (404, b"there is nothing\n")


async def test_the_dot_of_the_root_is_no_part_of_a_name(certificate_authority):
    context = certificate_authority.client_context()
    tls = begin(
        asyncio.get_running_loop(), context, Party("h.example."), memoryview(bytearray(1)), Url("https://h.example./")
    )
    assert tls.get_extra_info("ssl_object").server_hostname == "h.example"


async def test_an_ipv6_address_is_verified(tls_lane, certificate_authority):
    with HttpServer(tls=certificate_authority, host="::1") as server:
        assert await get(tls_lane, server.serve("/s", b"hello").url) == (200, b"hello")


async def test_only_http_1_1_is_offered(make_lane, certificate_authority):
    context = certificate_authority.client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])  # as another lane may have done
    lane = make_lane(context)
    with HttpServer(tls=certificate_authority.server_context(protocols=("h2", "http/1.1"))) as server:
        resource = server.serve("/s", b"hello")
        async with lane.send("GET", Url(resource.url), HEADERS) as reply:
            (connection,) = lane.pool.busy
            ssl_object = connection._transport.get_extra_info("ssl_object")
            assert ssl_object.selected_alpn_protocol() == "http/1.1"
            assert await read(reply) == b"hello"


async def test_a_client_certificate(make_lane, certificate_authority, tmp_path):
    with HttpServer(tls=certificate_authority.server_context(ask_client=True)) as server:
        resource = server.serve("/s", b"hello")
        context = certificate_authority.client_context()
        with pytest.raises(AccessDenied, match=r"wants a client certificate; `Trust\(client_cert"):
            await get(make_lane(context), resource.url)
        context.load_cert_chain(certificate_authority.write_client_certificate(tmp_path / "me.pem"))
        assert await get(make_lane(context), resource.url) == (200, b"hello")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_versions(make_lane, https_server, certificate_authority, version):
    context = certificate_authority.client_context()
    context.minimum_version = context.maximum_version = version
    resource = https_server.serve("/s", BODY)
    lane = make_lane(context)
    for _ in range(2):
        assert await get(lane, resource.url) == (200, BODY)


async def test_no_version_in_common(make_lane, certificate_authority):
    tls = certificate_authority.server_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    context = certificate_authority.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    lane = make_lane(context)
    with HttpServer(tls=tls) as server, pytest.raises(ConnectFailed, match=r"handshake with `127\.0\.0\.1` failed"):
        await get(lane, server.url("/"))


async def test_who_does_not_speak_tls(make_lane, certificate_authority, http_server):
    lane = make_lane(certificate_authority.client_context(), timeouts=Timeouts(connect=0.2))

    async def greet(_number, _reader, writer):
        writer.write(b"220 smtp.example ready\r\n")

    async with serving(greet) as (url, _):
        with pytest.raises(ConnectFailed, match="does not speak TLS"):
            await get(lane, url.replace("http:", "https:"))
    with pytest.raises(TimedOut, match=r"no connection to `127\.0\.0\.1` port .* in 0\.2 s"):
        await get(lane, http_server.url("/").replace("http:", "https:"))  # it waits for the rest of a request


async def test_a_server_that_goes_in_the_handshake(tls_lane):
    async def leave(_number, reader, writer):
        await reader.read(10)
        writer.transport.abort()

    async with serving(leave) as (url, _):
        with pytest.raises(ConnectFailed, match="handshake"):
            await get(tls_lane, url.replace("http:", "https:"))


async def test_a_body_until_the_close_needs_a_leave_taken(tls_lane, https_server):
    """RFC 8446 section 6.1: without close_notify it was cut off, perhaps by somebody in between."""
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + BODY
    resource = https_server.serve("/a", faults=[Raw(answer)])
    assert await get(tls_lane, resource.url) == (200, BODY)
    resource.cue((Raw(answer, close=False),))
    async with tls_lane.send("GET", Url(resource.url), HEADERS) as reply:
        view, got = memoryview(bytearray(len(BODY) + 1)), 0
        for thread in https_server.drop_connections():
            await in_thread(thread.join)
        with pytest.raises(Interrupted, match="without saying that the body is over"):
            while count := await reply.fill(view):
                got += count
    assert got <= len(BODY)


@pytest.mark.parametrize("fault", [Cut(100_000), Reset(100_000)])
async def test_a_cut_body_is_never_whole(tls_lane, https_server, fault):
    resource = https_server.serve("/a", BODY, always=[fault])
    got = bytearray()
    async with tls_lane.send("GET", Url(resource.url), HEADERS) as reply:
        view = memoryview(bytearray(3000))
        with pytest.raises(Interrupted):
            while count := await reply.fill(view):
                got += view[:count]
    assert BODY.startswith(bytes(got))
    if isinstance(fault, Cut):
        assert len(got) == 100_000


async def test_reading_late_slows_the_far_end(tls_lane, https_server):
    resource = https_server.serve("/a", Pattern(48_000_000))
    async with tls_lane.send("GET", Url(resource.url), HEADERS) as reply:
        await reply.fill(memoryview(bytearray(10_000)))
        sent = -1
        while sent != resource.body_bytes_sent:
            sent = resource.body_bytes_sent
            await asyncio.sleep(0.05)
        assert sent < 30_000_000
        assert len(await read(reply, 1 << 20)) == 47_990_000


async def test_session_tickets_come_between_answers(make_lane, certificate_authority):
    """A server sends them when the handshake is over: they are no answer, and no reason to close."""
    tls_lane = make_lane(certificate_authority.client_context())
    tls = certificate_authority.server_context()
    tls.num_tickets = 4
    with HttpServer(tls=tls) as server:
        resource = server.serve("/s", b"hello")
        for _ in range(5):
            assert await get(tls_lane, resource.url) == (200, b"hello")
        assert server.connections == 1


async def test_what_the_server_closed_while_idle_is_replaced(tls_lane, https_server):
    resource = https_server.serve("/a", b"x")
    for number in range(1, 4):
        assert await get(tls_lane, resource.url) == (200, b"x")
        assert https_server.connections == number
        for thread in https_server.drop_connections():
            await in_thread(thread.join)


async def test_a_host_that_cannot_be_a_servers_name(tls_lane):
    with pytest.raises((MistakeError, ConnectFailed)):
        await get(tls_lane, f"https://{'a' * 300}.invalid/")


async def test_the_context_is_asked_once_tls_begins(make_lane, http_server):
    lane = make_lane()  # its context raises
    assert await get(lane, http_server.serve("/a", b"x").url) == (200, b"x")
