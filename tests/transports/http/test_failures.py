"""What breaks between a server and us, on every lane and loop: bodies, answers, names, certificates."""

import ssl
import threading

import anyio
import pytest

from asyncfetch import (
    ConnectFailed,
    FetchError,
    Interrupted,
    MistakeError,
    ProtocolViolation,
    Request,
    TimedOut,
    Timeouts,
    TooLarge,
    Trust,
    Untrusted,
    Url,
)
from asyncfetch.testing import (
    Chunked,
    Cut,
    ExtraHeaders,
    Hangup,
    Hold,
    HttpServer,
    Pattern,
    Raw,
    Reset,
    Stall,
    WrongLength,
    self_signed_context,
)

pytestmark = pytest.mark.anyio
DATA = Pattern(300_000).read()


@pytest.fixture
def anyio_backend(loop_of_way):
    return loop_of_way


# -- the wire


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Cut(at=100_000), Interrupted),
        (Reset(at=100_000), Interrupted),
        (WrongLength(by=5), Interrupted),
        ((Chunked(), Cut(at=100_000)), Interrupted),
        ((Chunked(), Reset(at=100_000)), Interrupted),
    ],
)
async def test_bodies_that_end_early(http_server, make, fault, kind):
    file = http_server.serve("/a", DATA, faults=[fault])
    got = bytearray()
    with pytest.raises(kind) as caught:
        async with make().open(Request(Url(file.url))) as body:
            async for chunk in body.chunks:
                got += chunk
    assert caught.value.url == file.url
    assert DATA[: len(got)] == got
    if isinstance(fault, Cut):
        assert len(got) == 100_000  # what arrived before the failure is given first


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Hangup(), Interrupted),
        (Hangup(reset=True), Interrupted),
        (Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), ProtocolViolation),
        (Raw(b"HTTP/1.1 abc OK\r\n\r\n"), ProtocolViolation),
    ],
)
async def test_answers_that_are_none(http_server, make, get, fault, kind):
    file = http_server.serve("/a", b"hello", always=[fault])
    with pytest.raises(kind) as caught:
        await get(make(), file.url)
    assert caught.value.url == file.url


async def test_nobody_listens(make, get):
    with HttpServer() as server:
        url = server.url("/a")
    with pytest.raises(ConnectFailed) as caught:
        await get(make(), url)
    assert url in str(caught.value)
    assert caught.value.__cause__ is not None


async def test_a_failure_after_a_redirect_names_both_ends(http_server, make, get):
    with HttpServer() as gone:
        url = gone.url("/b")
    http_server.redirect("/a", url)
    with pytest.raises(ConnectFailed) as caught:
        await get(make(), http_server.url("/a"))
    assert (caught.value.url, caught.value.chain) == (url, (http_server.url("/a"),))


async def test_a_name_that_does_not_exist(make, get):
    with pytest.raises(ConnectFailed):
        await get(make(), "http://nothing.invalid/")


async def test_no_answer_in_time(http_server, make, get, settled):
    gone = threading.Event()
    file = http_server.serve("/a", DATA, faults=[Hold(gone), Stall(1000, gone)])
    transport = make(timeouts=Timeouts(read=0.05))
    for _ in range(2):
        with pytest.raises(TimedOut) as caught:
            await get(transport, file.url)
        assert caught.value.url == file.url
    gone.set()
    await settled(http_server, 0)


async def test_leaving_early(http_server, make, settled):
    file = http_server.serve("/a", Pattern(1 << 30))
    transport = make()
    async with transport.open(Request(Url(file.url))) as body:
        assert await body.fill(memoryview(bytearray(10))) == 10
    await settled(http_server, 0)
    assert file.body_bytes_sent < 1 << 28


@pytest.mark.parametrize("when", ["before the head", "within the body"])
async def test_being_cancelled(http_server, make, get, when, settled):
    gone = threading.Event()
    fault = Hold(gone) if when == "before the head" else Stall(1000, gone)
    file = http_server.serve("/a", DATA, faults=[fault])
    transport = make()
    async with anyio.create_task_group() as group:
        group.start_soon(get, transport, file.url)
        await anyio.to_thread.run_sync(http_server.wait_until, lambda: file.hits == 1)
        group.cancel_scope.cancel()
    gone.set()
    await settled(http_server, 0)
    assert (await get(transport, file.url))[0] == DATA


async def test_many_at_a_time(http_server, make, get):
    file = http_server.serve("/a", DATA)
    transport, got = make(), []

    async def one():
        got.append(len((await get(transport, file.url))[0]))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(one)
    assert got == [300_000] * 20


async def test_closing_closes(http_server, make, get, settled):
    file = http_server.serve("/a", b"hello")
    transport = make()
    await get(transport, file.url)
    await transport.aclose()
    await settled(http_server, 0)


async def test_fills_of_any_size(http_server, make):
    file = http_server.serve("/a", DATA, always=[Chunked(piece=777)])
    async with make().open(Request(Url(file.url))) as body:
        view, got = memoryview(bytearray(1000)), bytearray()
        for size in [1, 2, 1000, 13] * 100_000:
            count = await body.fill(view[:size])
            assert count <= size
            if not count:
                break
            got += view[:count]
        assert got == DATA
        assert await body.fill(view) == 0  # and goes on being 0


# -- TLS


@pytest.mark.parametrize("wrong", ["unknown", "expired", "another", "self-signed"])
async def test_certificates_that_do_not_verify(make, get, certificate_authority, ca_file, wrong):
    context = {
        "unknown": certificate_authority.server_context,
        "expired": lambda: certificate_authority.server_context(expired=True),
        "another": lambda: certificate_authority.server_context("wrong.example"),
        "self-signed": self_signed_context,
    }[wrong]()
    trust = Trust() if wrong == "unknown" else Trust(verify=ca_file)
    with HttpServer(tls=context) as server:
        file = server.serve("/a", b"hello")
        with pytest.raises(Untrusted) as caught:
            await get(make(trust=trust), server.url("/a", host="localhost"))
        assert "localhost" in str(caught.value)
        assert isinstance(caught.value.__cause__, Exception)
        assert file.hits == 0


async def test_verification_can_be_switched_off(https_server, make, get):
    https_server.serve("/a", b"hello", always=[ExtraHeaders((("Connection", "close"),))])
    transport = make(trust=Trust(verify=False))
    for _ in range(2):
        assert (await get(transport, https_server.url("/a")))[0] == b"hello"


async def test_a_client_certificate(make, get, certificate_authority, ca_file, tmp_path):
    path = certificate_authority.write_client_certificate(tmp_path / "client.pem")
    with HttpServer(tls=certificate_authority.server_context(ask_client=True)) as server:
        server.serve("/a", b"hello")
        shown = make(trust=Trust(verify=ca_file, client_cert=path))
        assert (await get(shown, server.url("/a")))[0] == b"hello"
        with pytest.raises(FetchError):
            await get(make(trust=Trust(verify=ca_file)), server.url("/a"))


async def test_a_context_of_the_callers(https_server, make, get, certificate_authority):
    https_server.serve("/a", DATA)
    context = certificate_authority.client_context()
    assert isinstance(context, ssl.SSLContext)
    assert (await get(make(trust=Trust(verify=context)), https_server.url("/a")))[0] == DATA


async def test_certificates_of_ours_that_cannot_be_read(https_server, make, get, tmp_path):
    with pytest.raises(MistakeError, match="missing"):
        await get(make(trust=Trust(verify=str(tmp_path / "missing.pem"))), https_server.url("/a"))
    assert not https_server.requests


async def test_a_cut_body_under_tls(https_server, make, get, ca_file):
    file = https_server.serve("/a", DATA, faults=[Cut(at=100_000)])
    with pytest.raises(Interrupted):
        await get(make(trust=Trust(verify=ca_file)), file.url)


@pytest.mark.parametrize("headers", [129, 1])
async def test_a_head_is_bounded_on_every_lane(http_server, make, headers):
    size = 10 if headers > 1 else 70_000
    extra = tuple((f"X-{number}", "x" * size) for number in range(headers))
    http_server.serve("/large", DATA, always=[ExtraHeaders(extra)])
    small = http_server.serve("/small", DATA, always=[ExtraHeaders(tuple((f"X-{n}", "x" * 400) for n in range(100)))])
    transport = make()
    with pytest.raises((TooLarge, ProtocolViolation)):
        async with transport.open(Request(Url(http_server.url("/large")))):
            pass
    async with transport.open(Request(Url(small.url))) as body:
        assert body.size == len(DATA)
