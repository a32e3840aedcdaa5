"""The http transport against a real server, on every lane and loop: questions, answers, redirects, errors."""

import ssl
import threading

import anyio
import pytest

from asyncfetch import (
    AccessDenied,
    Answer,
    Busy,
    ConnectFailed,
    FetchError,
    Interrupted,
    Limits,
    NotFound,
    ProtocolViolation,
    RangeRefused,
    RedirectRefused,
    Request,
    Settings,
    SourceError,
    TimedOut,
    Timeouts,
    Transport,
    Trust,
    UnsupportedScheme,
    Untrusted,
    Url,
    Validator,
)
from asyncfetch._transports.http.transport import HttpTransport
from asyncfetch.testing import (
    Change,
    Chunked,
    CloseDelimited,
    Cut,
    ExtraHeaders,
    Gzip,
    Hangup,
    Hold,
    HttpServer,
    IgnoreRange,
    Pattern,
    Raw,
    Redirect,
    RefuseRange,
    Relabel,
    ReprDigest,
    RequireBasic,
    Reset,
    Stall,
    Status,
    WrongLength,
    WrongRange,
    self_signed_context,
)

pytestmark = pytest.mark.anyio
DATA = Pattern(300_000).read()


@pytest.fixture
def anyio_backend(loop_of_way):
    return loop_of_way


async def settled(server, count):
    """Wait until the server has so many open connections."""
    await anyio.to_thread.run_sync(server.wait_until, lambda: server.open_connections == count)


# -- questions


async def test_what_is_asked(http_server, make, get):
    file = http_server.serve("/a%20b/../c?d=%2F", b"hello")
    data, body = await get(make(user_agent="x/1"), file.url, headers=(("X-Mine", "1"), ("accept", "text/plain")))
    assert data == b"hello"
    assert (body.answer, body.offset, body.size, body.chain) == (Answer.FULL, 0, 5, ())
    assert body.content_type == "application/octet-stream"
    [asked] = file.requests
    assert (asked.method, asked.target) == ("GET", "/a%20b/../c?d=%2F")
    headers = dict(asked.headers)
    assert headers.pop("connection", "keep-alive") == "keep-alive"
    assert headers == {
        "host": f"127.0.0.1:{http_server.port}",
        "accept-encoding": "identity",
        "user-agent": "x/1",
        "x-mine": "1",
        "accept": "text/plain",
    }


async def test_connections_are_kept(http_server, make, get):
    file = http_server.serve("/a", b"hello")
    http_server.redirect("/b", "/a")
    transport = make()
    for path in ("/a", "/b", "/nothing", "/a"):
        try:
            await get(transport, http_server.url(path))
        except NotFound:
            continue
    assert file.hits == 3
    assert http_server.connections == 1


async def test_the_rest(http_server, make, get):
    file = http_server.serve("/a", DATA, etag='"v1"', last_modified=None)
    held = Validator(file.url, etag='"v1"', size=300_000, strong=True)
    data, body = await get(make(), file.url, offset=1000, matching=held)
    assert data == DATA[1000:]
    assert (body.answer, body.offset, body.size) == (Answer.PARTIAL, 1000, 300_000)
    assert body.validator == held
    assert file.requests[0].range == "bytes=1000-"
    assert file.requests[0].header("if-range") == '"v1"'


async def test_the_rest_of_what_has_changed(http_server, make, get):
    file = http_server.serve("/a", DATA, faults=[Change(b"another")])
    held = Validator(file.url, etag=file.etag, strong=True)
    data, body = await get(make(), file.url, offset=1000, matching=held)
    assert (data, body.answer, body.offset) == (b"another", Answer.FULL, 0)


@pytest.mark.parametrize(
    ("held", "condition"),
    [
        (Validator("x", modified="Wed, 01 Jan 2025 00:00:00 GMT", strong=True), "Wed, 01 Jan 2025 00:00:00 GMT"),
        (Validator("x", modified="Wed, 01 Jan 2025 00:00:00 GMT"), None),
        (Validator("x", etag='W/"v1"'), None),
        (Validator("x", strong=True), None),
        (None, None),
    ],
)
async def test_if_range_is_strong(http_server, make, get, held, condition):
    file = http_server.serve("/a", b"0123456789")
    data, body = await get(make(), file.url, offset=4, matching=held)
    assert (data, body.offset) == (b"456789", 4)
    assert file.requests[0].header("if-range") == condition


async def test_a_piece(http_server, make, get):
    file = http_server.serve("/a", b"0123456789")
    data, body = await get(make(), file.url, offset=4, end=6)
    assert (data, body.offset, body.size) == (b"45", 4, 10)
    data, body = await get(make(), file.url, end=3)
    assert (data, body.offset, body.size) == (b"012", 0, 10)


async def test_unless(http_server, make, get):
    file = http_server.serve("/a", b"hello")
    transport = make()
    _, body = await get(transport, file.url)
    data, again = await get(transport, file.url, unless=body.validator)
    assert (data, again.answer, again.size) == (b"", Answer.UNCHANGED, 5)
    assert again.validator == body.validator
    assert file.requests[1].header("if-none-match") == file.etag
    assert file.requests[1].header("if-modified-since") == file.last_modified
    file.change(b"other")
    data, body = await get(transport, file.url, unless=again.validator)
    assert (data, body.answer) == (b"other", Answer.FULL)


# -- answers


@pytest.mark.parametrize("fault", [None, Chunked(), CloseDelimited(), Chunked(piece=7)])
async def test_framings(http_server, make, get, fault):
    data = Pattern(20_000).read()
    file = http_server.serve("/a", data, faults=[fault])
    got, body = await get(make(), file.url)
    assert got == data
    assert body.size == (20_000 if fault is None else None)


@pytest.mark.parametrize(
    "faults",
    [
        WrongRange(shift=1),
        WrongRange(total=9),
        RefuseRange(),
        Status(206),
        Status(200, headers=(("Content-Range", "bytes 4-9/10"),)),
        (Gzip(always=True), WrongRange()),
    ],
)
async def test_ranges_that_are_not_used(http_server, make, get, faults):
    file = http_server.serve("/a", b"0123456789", faults=[faults])
    with pytest.raises(RangeRefused):
        await get(make(), file.url, offset=4)


async def test_a_range_ignored(http_server, make, get):
    file = http_server.serve("/a", b"0123456789", faults=[IgnoreRange()])
    assert (await get(make(), file.url, offset=4))[0] == b"0123456789"


async def test_a_label_that_is_another(http_server, make, get):
    file = http_server.serve("/a", b"0123456789", faults=[Relabel(etag='"v9"')])
    _, body = await get(make(), file.url, offset=4, matching=Validator(file.url, etag=file.etag, strong=True))
    assert body.validator.etag == '"v9"'  # for the policy of resuming to judge


async def test_a_coding_that_nobody_asked_for(http_server, make, get):
    file = http_server.serve("/r.json", b"x" * 99, always=[Gzip(always=True)])
    with pytest.raises(ProtocolViolation, match="gzip"):
        await get(make(), file.url)
    packed = http_server.serve("/r.tar.gz", b"x" * 99, always=[Gzip(always=True)])
    assert (await get(make(), packed.url))[0].startswith(b"\x1f\x8b")


async def test_declared_digest(http_server, make, get):
    file = http_server.serve("/a", b"hello", always=[ReprDigest()])
    _, body = await get(make(), file.url)
    assert body.digests == (file.digest,)
    _, body = await get(make(), file.url, offset=1)
    assert body.digests == (file.digest,)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (403, AccessDenied), (500, Busy), (204, SourceError), (400, SourceError)]
)
async def test_errors_leave_the_connection_usable(http_server, make, get, status, kind):
    file = http_server.serve("/a", b"hello", faults=[Status(status, body=b"" if status == 204 else b"sorry")])
    transport = make()
    with pytest.raises(kind) as caught:
        await get(transport, file.url)
    assert (caught.value.url, caught.value.status) == (file.url, status)
    assert (await get(transport, file.url))[0] == b"hello"
    assert http_server.connections == 1


async def test_a_pause_is_passed_on(http_server, make, get):
    file = http_server.serve("/a", faults=[Status(503, retry_after=7), Status(429)])
    transport = make()
    with pytest.raises(Busy) as caught:
        await get(transport, file.url)
    assert caught.value.retry_after == 7
    with pytest.raises(Busy) as caught:
        await get(transport, file.url)
    assert caught.value.retry_after is None


async def test_a_long_error_page_is_not_read(http_server, make, get):
    file = http_server.serve("/a", faults=[Status(404, body=b"x" * 50_000_000)])
    with pytest.raises(NotFound):
        await get(make(), file.url)
    await settled(http_server, 0)
    assert file.body_bytes_sent < 50_000_000


async def test_an_endless_error_page_is_not_waited_for(http_server, make, get):
    file = http_server.serve("/a", DATA, always=[Redirect("/b")])
    file.cue((Chunked(), Stall(at=5)))
    http_server.serve("/b", b"hello")
    assert (await get(make(), file.url))[0] == b"hello"


# -- redirects


async def test_redirects(http_server, make, get):
    http_server.redirect("/1", "2", 301)
    http_server.redirect("/2", "/3", 307)
    http_server.redirect("/3", http_server.url("/4"), 308)
    file = http_server.serve("/4", b"hello")
    data, body = await get(make(), http_server.url("/1"), offset=1)
    assert data == b"ello"
    assert body.url == file.url
    assert body.chain == tuple(http_server.url(f"/{n}") for n in (1, 2, 3))
    assert body.validator.source == http_server.url("/1")
    assert file.requests[0].range == "bytes=1-"


async def test_what_travels_elsewhere(http_server, make, get):
    with HttpServer() as other:
        far = other.serve("/far", b"hello")
        http_server.redirect("/near", "/way")
        way = http_server.serve("/way", always=[Redirect(far.url)])
        url = http_server.url("/near").replace("//", "//me:pw@")
        headers = (("Cookie", "a=b"), ("X-Key", "1"), ("Accept", "text/plain"))
        await get(make(), url, headers=headers)
        at_home, away = dict(way.requests[0].headers), dict(far.requests[0].headers)
    assert (at_home["cookie"], at_home["x-key"], at_home["authorization"]) == ("a=b", "1", "Basic bWU6cHc=")
    assert away["accept"] == "text/plain"
    assert not {"cookie", "x-key", "authorization"} & set(away)


async def test_from_https_to_http(http_server, https_server, make, get, ca_file):
    file = http_server.serve("/a", b"hello")
    https_server.redirect("/a", file.url)
    transport = make(trust=Trust(verify=ca_file))
    with pytest.raises(RedirectRefused) as caught:
        await get(transport, https_server.url("/a"))
    assert file.hits == 0
    assert caught.value.url == https_server.url("/a")
    assert (await get(transport, https_server.url("/a"), insecure_redirect=True))[0] == b"hello"


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "", "http://[::1/", "/a"])
async def test_redirects_that_are_refused(http_server, make, get, target):
    file = http_server.serve("/a", always=[Redirect(target)])
    with pytest.raises(RedirectRefused):
        await get(make(), file.url)
    assert file.hits == 1


async def test_the_limit_of_redirects(http_server, make, get):
    for n in range(5):
        http_server.redirect(f"/{n}", f"/{n + 1}")
    http_server.serve("/5", b"hello")
    assert (await get(make(limits=Limits(redirects=5)), http_server.url("/0")))[0] == b"hello"
    with pytest.raises(RedirectRefused) as caught:
        await get(make(limits=Limits(redirects=4)), http_server.url("/0"))
    assert caught.value.chain == tuple(http_server.url(f"/{n}") for n in range(4))


async def test_an_error_after_a_redirect_names_both_ends(http_server, make, get):
    http_server.redirect("/a", "/b")
    with pytest.raises(NotFound) as caught:
        await get(make(), http_server.url("/a"))
    assert str(caught.value) == (
        f"found nothing at `{http_server.url('/b')}` (redirected from `{http_server.url('/a')}`): 404 Not Found"
    )


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


async def test_a_name_that_does_not_exist(make, get):
    with pytest.raises(ConnectFailed):
        await get(make(), "http://nothing.invalid/")


async def test_no_answer_in_time(http_server, make, get):
    gone = threading.Event()
    file = http_server.serve("/a", DATA, faults=[Hold(gone), Stall(1000, gone)])
    transport = make(timeouts=Timeouts(read=0.05))
    for _ in range(2):
        with pytest.raises(TimedOut) as caught:
            await get(transport, file.url)
        assert caught.value.url == file.url
    gone.set()
    await settled(http_server, 0)


async def test_leaving_early(http_server, make):
    file = http_server.serve("/a", Pattern(1 << 30))
    transport = make()
    async with transport.open(Request(Url(file.url))) as body:
        assert await body.fill(memoryview(bytearray(10))) == 10
    await settled(http_server, 0)
    assert file.body_bytes_sent < 1 << 28


@pytest.mark.parametrize("when", ["before the head", "within the body"])
async def test_being_cancelled(http_server, make, get, when):
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


async def test_closing_closes(http_server, make, get):
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


async def test_verification_can_be_switched_off_and_says_so_once(https_server, make, get):
    https_server.serve("/a", b"hello", always=[ExtraHeaders((("Connection", "close"),))])
    transport = make(trust=Trust(verify=False))
    with pytest.warns(UserWarning, match="verify"):
        await get(transport, https_server.url("/a"))
    assert (await get(transport, https_server.url("/a")))[0] == b"hello"  # a second warning would be an error


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


async def test_a_cut_body_under_tls(https_server, make, get, ca_file):
    file = https_server.serve("/a", DATA, faults=[Cut(at=100_000)])
    with pytest.raises(Interrupted):
        await get(make(trust=Trust(verify=ca_file)), file.url)


# -- stat


async def test_stat(http_server, make):
    file = http_server.serve("/a", DATA, content_type="text/plain")
    stat = await make().stat(Request(Url(file.url), offset=5, end=9))
    assert (stat.size, stat.content_type, stat.modified.year) == (300_000, "text/plain", 2025)
    assert stat.validator.etag == file.etag
    assert [(asked.method, asked.range) for asked in file.requests] == [("HEAD", None)]


@pytest.mark.parametrize("status", [403, 405, 501])
async def test_stat_where_head_is_refused(http_server, make, status):
    file = http_server.serve("/a", DATA, faults=[Status(status)])
    assert (await make().stat(Request(Url(file.url)))).size == 300_000
    assert [(asked.method, asked.range) for asked in file.requests] == [("HEAD", None), ("GET", "bytes=0-0")]


async def test_stat_of_an_empty_file_where_head_is_refused(http_server, make):
    file = http_server.serve("/a", b"", faults=[Status(405)])
    assert (await make().stat(Request(Url(file.url)))).size == 0


async def test_stat_where_ranges_are_not_known_either(http_server, make):
    file = http_server.serve("/a", Pattern(1 << 30), faults=[Status(405), IgnoreRange()])
    assert (await make().stat(Request(Url(file.url)))).size == 1 << 30


async def test_stat_of_nothing(http_server, make):
    with pytest.raises(NotFound):
        await make().stat(Request(Url(http_server.url("/a"))))


async def test_stat_unless(http_server, make):
    file = http_server.serve("/a", b"hello")
    held = Validator(file.url, etag=file.etag, size=5, strong=True)
    assert (await make().stat(Request(Url(file.url), unless=held))).size == 5


async def test_listing_is_not_known(make):
    with pytest.raises(UnsupportedScheme):
        async for _ in make().list(Url("http://h.example/")):
            pass


# -- the exchanger


async def test_send_is_plain(http_server, make):
    http_server.redirect("/a", "/b")
    async with make().send("GET", Url(http_server.url("/a")), [("X-Mine", "1")]) as reply:
        assert (reply.status, reply.header("location")) == (302, "/b")
        assert await reply.fill(memoryview(bytearray(100))) == len(b"elsewhere\n")
    [asked] = http_server.requests
    assert asked.header("x-mine") == "1"
    assert asked.header("authorization") is None


async def test_credentials_are_asked_for(http_server, make, get):
    file = http_server.serve("/a", b"hello", always=[RequireBasic("me", "pw")])
    with pytest.raises(AccessDenied, match="auth="):
        await get(make(), file.url)


def test_it_is_a_transport():
    assert isinstance(HttpTransport(Settings(trust_env=False)), Transport)
