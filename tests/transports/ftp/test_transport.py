"""ftp and ftps against pyftpdlib: plain, explicit TLS, implicit TLS."""

from __future__ import annotations

import sys
from contextlib import aclosing, asynccontextmanager

import anyio
import pytest

from asyncfetch import (
    AccessDenied,
    Answer,
    Busy,
    Ftp,
    Interrupted,
    NotFound,
    RangeRefused,
    Settings,
    Stalled,
    TimedOut,
    Timeouts,
    Trust,
    Untrusted,
    Url,
)
from asyncfetch._model.exchange import Request
from asyncfetch._transports.ftp import FtpTransport
from asyncfetch.testing import Authority, Cut, Pattern, Reset, Stall, check_transport
from asyncfetch.testing.ftp import FtpFarEnd, FtpServer

from .conftest import get, read

pytestmark = pytest.mark.anyio
DATA = Pattern(300_001).read()


async def until(true):
    while not true():  # noqa: ASYNC110 - nobody tells when bytes land
        await anyio.sleep(0.001)


def impatient(body):
    """Wait for bytes no longer than a blink; a busy server may well take longer to reply to a command."""
    getattr(body, "_body", body)._data._patience = 0.04  # on trio the body is behind the portal


def retrieved(server):
    return [argument for command, argument in server.commands if command == "RETR"]


@pytest.mark.every_loop
async def test_the_rules_of_a_transport_hold(any_server, ca_file):
    @asynccontextmanager
    async def make():
        far_end = FtpFarEnd(any_server, Settings(trust=Trust(verify=ca_file)))
        one = FtpTransport(far_end.settings)
        yield one, far_end
        await one.aclose()

    await check_transport(make)


async def test_one_connection_serves_one_exchange_after_another(any_server, transport):
    files = [any_server.serve(f"f{number}", DATA[number:]) for number in range(5)]
    async with transport(any_server) as one:
        for number, file in enumerate(files):
            assert await get(one, file.url) == DATA[number:]
            assert (await one.stat(Request(Url(file.url)))).size == len(DATA) - number
        names = [entry.name async for entry in one.list(Url(any_server.url("")))]
        assert sorted(names) == ["f0", "f1", "f2", "f3", "f4"]
        with pytest.raises(NotFound):
            await get(one, any_server.url("nothing"))
        assert await get(one, files[0].url, offset=5, end=105) == DATA[5:105]
        assert await get(one, files[0].url) == DATA
    assert any_server.connections == 1
    for _ in range(1_000):  # nobody waits for the answer to the last one
        if any_server.commands[-1][0] == "QUIT":
            break
        await anyio.sleep(0.002)
    words = [command for command, _ in any_server.commands]
    assert words.count("TYPE") == words.count("PASS") == 1
    assert words[-1] == "QUIT"


async def test_a_small_file_takes_few_commands(server, transport):
    file = server.serve("f", b"x")
    async with transport(server) as one:
        await get(one, file.url)
        server.commands.clear()
        await get(one, file.url)
        assert [command for command, _ in server.commands] == ["SIZE", "MDTM", "EPSV", "RETR"]
    assert server.sent == 2


async def test_each_user_has_connections_of_its_own(server, transport):
    server.serve("f", DATA)
    async with transport(server) as one:
        await get(one, server.url("f"))
        await get(one, server.url("f", user="user", password="pass"))
        await get(one, server.url("f"))
        with pytest.raises(AccessDenied) as caught:
            await get(one, server.url("f", user="user", password="wrong"))
    assert caught.value.status == 530
    assert "wrong" not in str(caught.value)
    users = [argument for command, argument in server.commands if command == "USER"]
    assert users == ["anonymous", "user", "user"]


async def test_any_character_in_a_password(transport):
    secret = "p@ss w:rd/%?#é€"
    with FtpServer(user="me@here", password=secret, anonymous=False) as server:
        server.serve("f", DATA)
        async with transport(server) as one:
            assert await get(one, server.url("f")) == DATA
        async with transport(server) as one:
            with pytest.raises(AccessDenied):
                await get(one, f"ftp://127.0.0.1:{server.port}/f")
        async with transport(server, auth={f"ftp://127.0.0.1:{server.port}/": ("me@here", secret)}) as one:
            assert await get(one, f"ftp://127.0.0.1:{server.port}/f") == DATA


async def test_netrc(transport, tmp_path, monkeypatch):
    with FtpServer(anonymous=False) as server:
        server.serve("f", DATA)
        url = f"ftp://127.0.0.1:{server.port}/f"
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password pass\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        async with transport(server) as one:
            assert await get(one, url) == DATA
        async with transport(server, trust_env=False) as one:
            with pytest.raises(AccessDenied):
                await get(one, url)


@pytest.mark.skipif(sys.platform == "win32", reason="IPv6 on loopback is not always there")
async def test_ipv6(transport):
    with FtpServer(host="::1") as server:
        file = server.serve("f", DATA)
        async with transport(server) as one:
            assert await get(one, file.url) == DATA


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_names_in_the_encoding_of_the_server(transport, encoding):
    with FtpServer(encoding=encoding) as server:
        server.serve("dé/ñ b.txt", DATA)
        async with transport(server) as one:
            assert await get(one, server.url("dé/ñ b.txt")) == DATA
            (entry,) = [entry async for entry in one.list(Url(server.url("dé")))]
            assert entry.name == "ñ b.txt"
            assert await get(one, entry.url) == DATA


# --- resume


async def test_what_is_held_is_not_sent_again(any_server, transport):
    file = any_server.serve("f", DATA)
    async with transport(any_server) as one:
        held = (await one.stat(Request(Url(file.url)))).validator
        assert held.strong
        assert await get(one, file.url, offset=200_000, matching=held) == DATA[200_000:]
    assert file.sent == len(DATA) - 200_000
    assert ("REST", "200000") in any_server.commands


async def test_another_file_is_sent_whole(server, transport):
    server.serve("f", DATA)
    async with transport(server) as one:
        held = (await one.stat(Request(Url(server.url("f"))))).validator
        for other in (DATA[::-1], DATA[1:]):  # another time; another size, too
            server.serve("f", other)
            async with one.open(Request(Url(server.url("f")), offset=100, end=200, matching=held)) as body:
                assert (body.answer, body.offset, body.size) == (Answer.FULL, 0, len(other))
                assert await read(body) == other
    assert not [one for one in server.commands if one[0] == "REST"]


async def test_without_a_time_nothing_is_proven(server, transport):
    file = server.serve("f", DATA)
    async with transport(server) as one:
        held = (await one.stat(Request(Url(file.url)))).validator
        server.withdraw("MDTM")
        async with one.open(Request(Url(file.url), offset=100, matching=held, unless=held)) as body:
            assert body.answer is Answer.FULL
            assert not body.validator.strong
        # whoever will check a digest of the whole may go on without proof
        assert await get(one, file.url, offset=100) == DATA[100:]


async def test_beyond_the_end_nothing_is_asked_for(server, transport):
    file = server.serve("f", DATA)
    async with transport(server) as one:
        with pytest.raises(RangeRefused):
            await get(one, file.url, offset=len(DATA) + 1)
        assert retrieved(server) == []
        assert await get(one, file.url, offset=len(DATA)) == b""


async def test_unchanged_takes_no_data_connection(server, transport):
    file = server.serve("f", DATA)
    async with transport(server) as one:
        held = (await one.stat(Request(Url(file.url)))).validator
        server.commands.clear()
        async with one.open(Request(Url(file.url), unless=held)) as body:
            assert body.answer is Answer.UNCHANGED
            assert body.ended
            assert await read(body) == b""
    assert [command for command, _ in server.commands][:2] == ["SIZE", "MDTM"]
    assert server.sent == 0


async def test_several_parts_of_one_file_at_a_time(any_server, transport):
    file = any_server.serve("f", DATA)
    parts = {}
    async with transport(any_server) as one, anyio.create_task_group() as group:

        async def part(start, end):
            parts[start] = await get(one, file.url, offset=start, end=end)

        for start in range(0, len(DATA), 100_000):
            group.start_soon(part, start, start + 100_000)
    assert b"".join(parts[start] for start in sorted(parts)) == DATA


async def test_a_part_that_is_read_up_to_its_end_or_not_quite_keeps_its_connection(any_server, transport):
    file = any_server.serve("f", DATA)
    view = memoryview(bytearray(100_000))
    async with transport(any_server) as one:
        for wanted in (100_000, 60_000):
            async with one.open(Request(Url(file.url), offset=100_000, end=200_000)) as body:
                got = 0
                while got < wanted:  # and no fill after the last, which would give 0
                    got += await body.fill(view[got:wanted])
            assert bytes(view[:wanted]) == DATA[100_000 : 100_000 + wanted]
    assert any_server.connections == 1


# --- what goes wrong


async def test_whoever_may_not_ask_just_now_costs_nothing(any_server, transport):
    file = any_server.serve("f", DATA)
    asked = []

    def ready(url):
        asked.append(url)
        raise Busy("cooling down", url=url)

    async with transport(any_server) as one:
        for request in (Request(Url(file.url), ready=ready), Request(Url(file.url), offset=5, ready=ready)):
            with pytest.raises(Busy):
                async with one.open(request):
                    pass
            with pytest.raises(Busy):
                await one.stat(request)
        assert asked == [Url(file.url)] * 4
        assert "SIZE" not in [command for command, _ in any_server.commands]
        assert await get(one, file.url) == DATA
    assert any_server.connections == 1


async def test_a_cut_body_gives_what_came_and_says_how_much_is_missing(any_server, transport):
    file = any_server.serve("f", DATA, faults=[Cut(1_000)])
    async with transport(any_server) as one:
        async with one.open(Request(Url(file.url))) as body:
            view = memoryview(bytearray(len(DATA)))
            assert await body.fill(view) == 1_000
            with pytest.raises(Interrupted, match="299001 of 300001 bytes to come, and the server said: 426"):
                await body.fill(view)
        assert await get(one, file.url) == DATA


async def test_a_reset(server, transport):
    file = server.serve("f", DATA, faults=[Reset(1_000)])
    async with transport(server) as one:
        with pytest.raises(Interrupted):
            await get(one, file.url)
        assert await get(one, file.url) == DATA


async def test_no_byte_for_too_long(any_server, transport):
    file = any_server.serve("f", DATA, faults=[Stall(1_000)])
    async with transport(any_server, timeouts=Timeouts(connect=5, read=0.3)) as one:
        view, got = memoryview(bytearray(len(DATA))), 0
        with pytest.raises(TimedOut, match="no byte came for"):
            async with one.open(Request(Url(file.url))) as body:
                while count := await body.fill(view[got:]):
                    got += count
        assert got == 1_000
        assert await get(one, file.url) == DATA


async def test_a_reader_that_takes_its_time_is_not_timed_out(server, transport):
    # the server's last byte is long here when the reader asks for it; a patience of nothing would show otherwise
    file = server.serve("f", DATA)
    async with transport(server) as one, one.open(Request(Url(file.url))) as body:
        view = memoryview(bytearray(100_000))
        assert await body.fill(view) == 100_000
        await until(lambda: file.sent == len(DATA))
        impatient(body)
        await anyio.sleep(0.05)
        assert len(await read(body)) == len(DATA) - 100_000


async def test_a_body_can_be_aborted(any_server, transport):
    file = any_server.serve("f", DATA, faults=[Stall(1_000)])
    reason = Stalled("too slow")
    view, got, raised = memoryview(bytearray(len(DATA))), [], []

    async def fill(body):
        got.append(await body.fill(view))
        for _ in range(2):
            with pytest.raises(Stalled) as caught:
                await body.fill(view)
            raised.append(caught.value)

    async with transport(any_server) as one:
        async with one.open(Request(Url(file.url))) as body, anyio.create_task_group() as group:
            group.start_soon(fill, body)
            await until(lambda: body.landed == 1_000)
            assert body.abort(reason)
        assert got == [1_000]
        assert raised == [reason, reason]
        assert await get(one, file.url) == DATA


async def test_a_cancelled_transfer_costs_its_connection_and_no_other(any_server, transport):
    file = any_server.serve("f", DATA, faults=[None, Stall(1_000)])
    async with transport(any_server) as one:
        await get(one, file.url)
        with anyio.move_on_after(5) as scope:
            async with one.open(Request(Url(file.url))) as body, anyio.create_task_group() as group:
                view = memoryview(bytearray(len(DATA)))
                group.start_soon(body.fill, view)
                await until(lambda: body.landed == 1_000)
                scope.cancel()
        assert bytes(view[:1_000]) == DATA[:1_000]
        assert await get(one, file.url) == DATA  # and not the 426 of the transfer that was cancelled
    assert any_server.connections == 2


async def test_421_means_another_connection(server, transport):
    file = server.serve("f", DATA)
    async with transport(server) as one:
        await get(one, file.url)
        server.reply("SIZE", "421 idle for too long")
        assert await get(one, file.url) == DATA  # a kept connection may be closed at any time
        server.reply("SIZE", "421 going down", times=2)
        with pytest.raises(Busy):
            await get(one, file.url)
        assert await get(one, file.url) == DATA


@pytest.mark.parametrize(
    "withdrawn", [("EPSV",), ("MLSD", "MLST"), ("SIZE", "MDTM"), ("EPSV", "MLSD", "MLST", "SIZE", "MDTM")]
)
async def test_servers_that_know_less(server, transport, withdrawn):
    server.serve("d/f", DATA)
    server.withdraw(*withdrawn)
    async with transport(server) as one:
        assert await get(one, server.url("d/f")) == DATA
        assert await get(one, server.url("d/f"), offset=300_000) == DATA[300_000:]
        (entry,) = [entry async for entry in one.list(Url(server.url("d/")))]
        assert (entry.name, entry.kind, entry.size) == ("f", "file", len(DATA))
        about = await one.stat(Request(Url(server.url("d/f"))))
        assert about.size == (None if {"SIZE", "MLST"} <= set(withdrawn) else len(DATA))
        for path in ("d/none", "none/f", "d"):
            with pytest.raises(NotFound):
                await get(one, server.url(path))
            with pytest.raises(NotFound):
                await one.stat(Request(Url(server.url(path))))
        for path in ("none/", "d/f/"):
            with pytest.raises(NotFound):
                [entry async for entry in one.list(Url(server.url(path)))]


@pytest.mark.parametrize(
    "text", ["550 Permission denied.", "550 Access is denied. ", "553 Not allowed.", "550 Failed."]
)
async def test_what_is_there_and_refused_is_not_called_missing(server, transport, text):
    file = server.serve("f", DATA)
    async with transport(server) as one:
        for withdrawn in ((), ("SIZE",), ("SIZE", "MLST")):
            server.withdraw(*withdrawn)
            server.reply("RETR", text)
            with pytest.raises(AccessDenied):
                await get(one, file.url)
    assert server.connections == 1


async def test_a_listing_that_is_left_early(server, transport):
    for number in range(50):
        server.serve(f"d/{number:02}", b"")
    async with transport(server) as one:
        async with aclosing(one.list(Url(server.url("d")))) as listing:
            assert (await anext(listing)).kind == "file"
        assert len([entry async for entry in one.list(Url(server.url("d")))]) == 50
        assert await get(one, server.url("d/00")) == b""


# --- TLS


@pytest.mark.parametrize("what", [{"expired": True}, {"names": ("wrong.example",)}, None])
async def test_a_server_that_cannot_be_trusted(what, certificate_authority, transport):
    authority = Authority() if what is None else certificate_authority
    with FtpServer(tls=authority, certificate=what) as server:
        file = server.serve("f", DATA)
        async with transport(server) as one:
            with pytest.raises(Untrusted):
                await get(one, file.url)
        async with transport(server, trust=Trust(verify=False)) as one:
            assert await get(one, file.url) == DATA
    assert [command for command, _ in server.commands][:3] == ["AUTH", "AUTH", "USER"]  # no user before there is trust


async def test_ftps_to_a_server_without_tls(server, transport):
    file = server.serve("f", DATA)
    for tls in ("explicit", "implicit"):
        async with transport(timeouts=Timeouts(connect=0.3, read=0.3), ftp=Ftp(tls=tls)) as one:
            with pytest.raises((Untrusted, TimedOut)):
                await get(one, file.url.replace("ftp://", "ftps://"))
    assert "USER" not in [command for command, _ in server.commands]


@pytest.mark.descriptors
async def test_nothing_stays_open(any_server, transport):
    file = any_server.serve("f", DATA, faults=[None, Cut(1_000), Stall(1_000)])
    async with transport(any_server) as one:
        await get(one, file.url)
        with pytest.raises(Interrupted):
            await get(one, file.url)
        with pytest.raises(TimedOut):
            async with one.open(Request(Url(file.url))) as body:
                impatient(body)
                await read(body)
        with pytest.raises(NotFound):
            await get(one, any_server.url("none"))
