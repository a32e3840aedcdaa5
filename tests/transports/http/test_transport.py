"""The http transport against a real server, on every lane and loop: questions and answers."""

import pytest

from asyncfetch import (
    AccessDenied,
    Answer,
    Busy,
    NotFound,
    ProtocolViolation,
    RangeRefused,
    Request,
    Settings,
    SourceError,
    Transport,
    UnsupportedScheme,
    Url,
    Validator,
)
from asyncfetch._transports.http.transport import HttpTransport
from asyncfetch.testing import (
    Change,
    Chunked,
    CloseDelimited,
    Gzip,
    IgnoreRange,
    Pattern,
    Redirect,
    RefuseRange,
    Relabel,
    ReprDigest,
    RequireBasic,
    Stall,
    Status,
    WrongRange,
)

pytestmark = pytest.mark.anyio
DATA = Pattern(300_000).read()


@pytest.fixture
def anyio_backend(loop_of_way):
    return loop_of_way


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


async def test_a_long_error_page_is_not_read(http_server, make, get, settled):
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
