"""What is said, once and in time: warnings, log lines, chains of redirects; and names that nobody answers for."""

import logging
import socket
import subprocess
import sys
import textwrap
import threading
import warnings

import anyio
import pytest

from asyncfetch import (
    Bearer,
    Client,
    DigestMismatch,
    FetchError,
    Interrupted,
    Limits,
    Retry,
    Settings,
    Timeouts,
    TooLarge,
    Trust,
)
from asyncfetch.testing import Cut, FtpServer, Gzip, SlowHead, Status

pytestmark = pytest.mark.anyio


async def test_trusting_anyone_is_said_once_a_client(https_server, certificate_authority):
    https_server.serve("/a", b"x")
    with FtpServer(tls=certificate_authority) as server:
        file = server.serve("b", b"x")
        for _ in range(2):
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                async with Client(settings=Settings(trust=Trust(verify=False))) as client:
                    await client.read(https_server.url("/a"))
                    await client.read(https_server.url("/a"))
                    await client.read(file.url)
            assert ["does not verify certificates" in str(one.message) for one in warned] == [True]
            assert warned[0].filename == __file__


async def test_one_line_an_attempt_and_one_a_fetch(http_server, caplog, tmp_path):
    caplog.set_level(logging.DEBUG, "asyncfetch")
    url = http_server.serve("/a", b"hello", faults=[Status(503), Status(503)]).url.replace("//", "//me:hush@")
    async with Client(settings=Settings(retry=Retry(backoff=0))) as client:
        await client.fetch(url, tmp_path / "a")
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "asyncfetch"]
    assert [level for level, _ in lines] == ["DEBUG", "DEBUG", "DEBUG", "INFO"]
    shown = url.replace("me:hush", "***")
    for number, (_, line) in enumerate(lines[:3], 1):
        assert line.startswith(f"attempt {number} at {shown}: ")
    assert "Busy: " in lines[0][1]
    assert " 5 bytes in " in lines[2][1]
    assert lines[3][1].startswith(f"<Result {shown} -> ")


async def test_nothing_is_formatted_where_nobody_listens(http_server, monkeypatch):
    made = []
    monkeypatch.setattr(logging.Logger, "makeRecord", lambda *_, **__: made.append(1))
    logging.getLogger("asyncfetch").setLevel(logging.ERROR)
    try:
        async with Client() as client:
            await client.read(http_server.serve("/a", b"x").url)
            with pytest.raises(FetchError):
                await client.read(http_server.url("/absent"))
    finally:
        logging.getLogger("asyncfetch").setLevel(logging.NOTSET)
    assert not made


async def test_the_chain_is_in_the_result_and_in_every_error(http_server, tmp_path):
    good, cut = http_server.serve("/good", b"x" * 100), http_server.serve("/cut", b"x" * 100, always=[Cut(10)])
    for name in ("good", "cut", "absent"):
        http_server.redirect(f"/to-{name}", f"/via-{name}")
        http_server.redirect(f"/via-{name}", f"/{name}")
    chains = {
        name: (http_server.url(f"/to-{name}"), http_server.url(f"/via-{name}")) for name in ("good", "cut", "absent")
    }
    async with Client(settings=Settings(retry=Retry(attempts=1))) as client:
        assert (await client.fetch(http_server.url("/to-good"))).chain == chains["good"]
        with pytest.raises(FetchError) as caught:
            await client.read(http_server.url("/to-absent"))
        assert caught.value.chain == chains["absent"]
        with pytest.raises(Interrupted) as caught:
            await client.fetch(http_server.url("/to-cut"), tmp_path / "a")
        assert caught.value.chain == chains["cut"]
        with pytest.raises(DigestMismatch) as caught:
            await client.fetch(http_server.url("/to-good"), tmp_path / "b", digest="sha256:" + "0" * 64)
        assert caught.value.chain == chains["good"]
    assert all(url in str(caught.value) for url in chains["good"])
    assert good.hits == 2
    assert cut.hits == 1


# -- bounds


async def test_a_head_that_trickles_ends(http_server):
    http_server.serve("/a", b"x", always=[SlowHead(1, 0.02)])
    settings = Settings(timeouts=Timeouts(connect=0.1, read=0.2), retry=Retry(attempts=1))
    async with Client(settings=settings) as client:
        with pytest.raises(FetchError) as caught:
            await client.read(http_server.url("/a"))
    assert type(caught.value).__name__ == "TimedOut"


async def test_redirects_without_end_are_left_after_the_limit(http_server):
    for number in range(40):
        http_server.redirect(f"/{number}", f"/{number + 1}")
    async with Client(settings=Settings(limits=Limits(redirects=3))) as client:
        with pytest.raises(FetchError, match="more than 3 redirects") as caught:
            await client.read(http_server.url("/0"))
    assert len(caught.value.chain) == 3
    assert len(http_server.requests) == 4


@pytest.mark.parametrize("faults", [[], [Gzip(always=True)]])
async def test_a_body_in_memory_is_bounded_whatever_its_coding(http_server, faults):
    """A coding nobody asked for is not undone: there is no bomb that could go off in memory."""
    resource = http_server.serve("/a", bytes(3_000_000), always=faults)
    async with Client(settings=Settings(limits=Limits(memory=1000), retry=Retry(attempts=1))) as client:
        with pytest.raises(FetchError) as caught:
            await client.read(resource.url)
    assert isinstance(caught.value, TooLarge) or faults


async def test_a_body_longer_than_it_should_be_ends_there(http_server, tmp_path):
    endless = http_server.serve("/a", bytes(50_000_000), always=[_until_closed()])
    async with Client() as client:
        with pytest.raises(FetchError, match="more than the 1000 bytes"):
            await client.fetch(endless.url, tmp_path / "a", size=1000)
    assert endless.body_bytes_sent < 40_000_000
    assert not (tmp_path / "a").exists()


def _until_closed():
    from asyncfetch.testing import CloseDelimited

    return CloseDelimited()


# -- names


@pytest.fixture
def silence(monkeypatch):
    """A name server that does not answer until the test is over; tells when it was asked."""
    asked, over = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        if host == "silent.invalid":
            asked.set()
            over.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "late")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield asked
    over.set()


async def test_a_silent_name_server_does_not_hold_who_is_cancelled(silence, anyio_backend_name):
    if anyio_backend_name == "trio":
        pytest.skip("trio's own threads are left behind in the same way")
    async with Client() as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.read, "http://silent.invalid/")
            assert await anyio.to_thread.run_sync(silence.wait, 10)
            group.cancel_scope.cancel()
        assert group.cancel_scope.cancelled_caught


@pytest.mark.parametrize("scheme", ["http", "ftp"])
@pytest.mark.parametrize("library", ["asyncio", "trio"])
def test_a_silent_name_server_does_not_hold_the_process(library, scheme):
    code = """
        import anyio, asyncfetch, socket, sys, threading, time

        real, asked = socket.getaddrinfo, threading.Event()

        def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
            if host in ("silent.invalid", b"silent.invalid") and not flags & socket.AI_NUMERICHOST:
                asked.set()
                time.sleep(600)
            return real(host, port, family, type, proto, flags)

        socket.getaddrinfo = getaddrinfo

        async def main():
            settings = asyncfetch.Settings(trust_env=False, timeouts=asyncfetch.Timeouts(connect=None))
            async with asyncfetch.Client(settings=settings) as client, anyio.create_task_group() as group:
                group.start_soon(client.read, f"{sys.argv[2]}://silent.invalid/a")
                print("asked", await anyio.to_thread.run_sync(asked.wait, 20))
                group.cancel_scope.cancel()

        anyio.run(main, backend=sys.argv[1])
        print("over")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), library, scheme], capture_output=True, check=False, timeout=25
    )
    assert done.stdout == b"asked True\nover\n", done.stderr


# -- other libraries


async def test_headers_of_http2_are_not_logged(tmp_path, certificate_authority, ca_file, caplog):
    """Hpack logs every header it packs; for others in the process it goes on to."""
    import hpack

    from tests.servers import nginx

    if why := nginx.missing():
        pytest.skip(why)
    caplog.set_level(logging.DEBUG)
    with nginx.nginx(tmp_path, certificate_authority) as url:
        (tmp_path / "root" / "a").write_bytes(b"hello")
        settings = Settings(http2=True, trust=Trust(verify=ca_file))
        async with Client(settings=settings, auth={url: Bearer("hush-Zq7")}) as client:
            assert await client.read(f"{url}a") == b"hello"
            assert await client.read(f"{url}302", headers={"X-Api-Key": "hush-Zq8"}) == b"hello"
        assert (tmp_path / "access").read_text().startswith("HTTP/2.0 GET /a 200")
    assert "hush-Z" not in caplog.text
    hpack.Encoder().encode([("x-mine", "shown")])
    assert "x-mine" in caplog.text
