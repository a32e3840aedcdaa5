"""What a control connection may say, and what it may not: against a server that follows a script."""

from __future__ import annotations

import traceback

import pytest

from asyncfetch import (
    AccessDenied,
    Busy,
    ConnectFailed,
    Interrupted,
    InvalidUrl,
    ProtocolViolation,
    RangeRefused,
    TimedOut,
    Timeouts,
    TransientError,
    Untrusted,
)

from .conftest import get
from .scripted import Scripted

pytestmark = pytest.mark.anyio
DATA = b"0123456789"


@pytest.mark.parametrize(
    "greeting",
    [
        b"220-welcome\r\n220-to\r\n220 us\r\n",
        b"220-welcome\r\n2024 was a good year\r\n550 is no reply here\r\n   220 nor is this\r\n220 now\r\n",
        b"220\r\n",
        b"120 soon\r\n220 now\r\n",
        b"220 \xff\xfe\r\n",
        b"220 bare line end\n",
    ],
)
async def test_greetings(transport, greeting):
    with Scripted({"HELLO": greeting}) as server:
        async with transport() as one:
            assert await get(one, server.url()) == DATA


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ({"HELLO": b"HTTP/1.1 400 Bad Request\r\n\r\n"}, ProtocolViolation),
        ({"HELLO": b"SSH-2.0-OpenSSH\r\n"}, ProtocolViolation),
        ({"HELLO": b"220-" + b"x" * 70_000 + b"\r\n"}, ProtocolViolation),
        ({"HELLO": b"220-a\r\n" + b"220-b\r\n" * 20_000}, ProtocolViolation),
        ({"HELLO": b"550 go away\r\n"}, AccessDenied),
        ({"HELLO": b"120 soon\r\n" * 100}, ProtocolViolation),  # as often as it likes, each within our patience
        ({"DONE": b"150 nearly\r\n" * 100}, ProtocolViolation),
        ({"USER": b"150 nearly\r\n" * 100}, ProtocolViolation),
        ({"HELLO": b"421 too many\r\n"}, Busy),
        ({"HELLO": None}, ConnectFailed),
        ({"HELLO": b"22"}, TimedOut),
        ({"USER": b"530 no\r\n"}, AccessDenied),
        ({"USER": b"332 which account\r\n"}, AccessDenied),
        ({"PASS": b"530 no\r\n"}, AccessDenied),
        ({"PASS": b"530 Sorry, the maximum number of clients (1) from your host are already connected.\r\n"}, Busy),
        ({"PASS": b"332 which account\r\n"}, AccessDenied),
        ({"PASS": b"331 again\r\n"}, AccessDenied),
        ({"PASS": None}, Interrupted),
        ({"TYPE": b"504 no\r\n"}, ProtocolViolation),
        ({"SIZE": b"421 shutting down\r\n"}, Busy),
        ({"SIZE": b"450 busy\r\n"}, Busy),
        ({"SIZE": None}, Interrupted),
        ({"EPSV": b"229 where?\r\n"}, ProtocolViolation),
        ({"EPSV": b"229 here (|||0|)\r\n"}, ProtocolViolation),
        ({"EPSV": b"229 here (|||70000|)\r\n"}, ProtocolViolation),
        ({"EPSV": b"425 no port\r\n"}, ConnectFailed),
        ({"EPSV": b"500 what\r\n", "PASV": b"227 (127,0,0,1,400,1)\r\n"}, ProtocolViolation),
        ({"EPSV": b"500 what\r\n", "PASV": b"227 nowhere\r\n"}, ProtocolViolation),
        ({"EPSV": b"500 what\r\n", "PASV": b"500 what\r\n"}, ProtocolViolation),
        ({"RETR": b"425 no data connection\r\n"}, ConnectFailed),
        ({"RETR": b"452 no space\r\n"}, TransientError),
        ({"RETR": b"521 encrypt it\r\n"}, ProtocolViolation),
    ],
)  # fmt: skip
async def test_refusals_each_in_its_place(transport, script, kind):
    with Scripted(script) as server:
        async with transport(timeouts=Timeouts(connect=5, read=0.05 if kind is TimedOut else 5)) as one:
            with pytest.raises(kind) as caught:
                await get(one, server.url())
            assert type(caught.value) is kind
            assert caught.value.url == server.url()


async def test_a_password_that_a_server_repeats_is_not_shown(transport):
    password = "hush" + "Zq7"  # a traceback has these lines, too
    with Scripted({"PASS": f"530-you said\r\n530 PASS {password}, which is wrong\r\n".encode()}) as server:
        async with transport() as one:
            with pytest.raises(AccessDenied, match="which is wrong") as caught:
                await get(one, server.url().replace("//", f"//me:{password}@"))
        assert f"PASS {password}" in server.commands
    assert password not in "".join(traceback.format_exception(caught.value))


async def test_nobody_listens(transport):
    with Scripted() as server:
        pass
    async with transport() as one:
        with pytest.raises(ConnectFailed, match=r"host `127.0.0.1`: connection refused\Z"):
            await get(one, server.url())
        with pytest.raises(ConnectFailed, match=r"the name `no-such-host.invalid` was not resolved: "):
            await get(one, "ftp://no-such-host.invalid/f")


@pytest.mark.parametrize("reply", [b"501 no\r\n", b"502 no\r\n", b"550 no\r\n", b"554 no\r\n"])
async def test_rest_refused(transport, reply):
    with Scripted({"REST": [reply]}) as server:
        async with transport() as one:
            with pytest.raises(RangeRefused):
                await get(one, server.url(), offset=5)
            assert await get(one, server.url(), offset=5) == DATA[5:]
        assert server.connections == 1  # the connection is none the worse for it


async def test_554_to_retr_is_a_refused_restart(transport):
    with Scripted({"RETR": [b"554 beyond\r\n"]}) as server:
        async with transport() as one:
            with pytest.raises(RangeRefused):
                await get(one, server.url(), offset=5)


async def test_commands_that_a_server_does_not_know_are_asked_once(transport):
    with Scripted({"SIZE": b"502 no\r\n", "MDTM": b"500 no\r\n"}) as server:
        async with transport() as one:
            assert await get(one, server.url()) == DATA
            assert await get(one, server.url()) == DATA
        words = [command.split()[0] for command in server.commands]
        assert words.count("SIZE") == words.count("MDTM") == 1
        assert words.count("RETR") == 2


@pytest.mark.parametrize("path", ["a%0D%0ADELE%20x", "a%00b"])
async def test_nothing_is_sent_for_a_url_that_holds_a_command(transport, path):
    with Scripted() as server:
        async with transport() as one:
            with pytest.raises(InvalidUrl):
                await get(one, server.url(path))
            with pytest.raises(InvalidUrl):
                await get(one, server.url().replace("//", "//a%0d%0aDELE:x@"))
        assert server.connections == 0


async def test_tls_is_never_left_out(transport):
    for script in ({"AUTH": b"502 no\r\n"}, {"AUTH": b"234 ok\r\n" + b"200 injected\r\n"}):
        with Scripted(script) as server:
            async with transport() as one:
                with pytest.raises((Untrusted, ProtocolViolation)):
                    await get(one, server.url().replace("ftp:", "ftps:"))
            assert server.commands == ["AUTH TLS"]  # no user, no password


# --- the end of a transfer


async def test_a_control_connection_lost_during_the_transfer_does_no_harm_when_size_is_met(transport):
    with Scripted({"DONE": [None]}) as server:
        async with transport() as one:
            assert await get(one, server.url()) == DATA
            assert await get(one, server.url()) == DATA
        assert server.connections == 2


async def test_without_size_the_last_reply_must_come(transport):
    with Scripted({"DONE": None, "SIZE": b"502 no\r\n"}) as server:
        async with transport() as one:
            with pytest.raises(Interrupted):
                await get(one, server.url())


@pytest.mark.parametrize("reply", [b"426 cut\r\n", b"451 disk\r\n"])
async def test_a_failure_that_the_server_reports_is_believed(transport, reply):
    with Scripted({"DONE": reply}) as server:
        async with transport() as one:
            with pytest.raises(Interrupted) as caught:
                await get(one, server.url())
            assert caught.value.status == int(reply[:3])


async def test_shorter_than_size(transport):
    with Scripted({"SIZE": b"213 11\r\n"}) as server:
        async with transport() as one:
            with pytest.raises(Interrupted, match="1 of 11 bytes to come"):
                await get(one, server.url())


async def test_longer_than_size(transport):
    with Scripted({"SIZE": b"213 9\r\n"}) as server:
        async with transport() as one:
            with pytest.raises(ProtocolViolation, match="after the 9 bytes"):
                await get(one, server.url())


# --- connections are kept


@pytest.mark.parametrize(
    "script", [{"SIZE": [b"213 10\r\n", b"421 idle\r\n", b"213 10\r\n"]}, {"SIZE": [b"213 10\r\n", None]}]
)
async def test_a_kept_connection_that_was_closed_is_replaced(transport, script):
    with Scripted(script) as server:
        async with transport() as one:
            assert await get(one, server.url()) == DATA
            assert await get(one, server.url()) == DATA
        assert server.connections == 2


async def test_a_fresh_connection_that_is_closed_is_a_failure(transport):
    with Scripted({"SIZE": None}) as server:
        async with transport() as one:
            with pytest.raises(Interrupted):
                await get(one, server.url())
        assert server.connections == 1


async def test_the_address_in_pasv_is_not_used(transport):
    # nothing listens at 192.0.2.1, and conftest's guard fails a test that tries to go there
    with Scripted({"EPSV": b"522 no\r\n", "PASV": b"227 (192,0,2,1,%d,%d)\r\n"}) as server:
        async with transport() as one:
            assert await get(one, server.url()) == DATA
        assert "PASV" in server.commands
