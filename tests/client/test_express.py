"""The short way of small bodies comes to what the long way comes to, and takes over where it ends."""

import errno
import hashlib
import os
import threading
import time

import anyio
import pytest

from asyncfetch import (
    Bearer,
    Client,
    Fetch,
    FetchError,
    Interrupted,
    Limits,
    LocalError,
    Offline,
    Result,
    Retry,
    Settings,
    Timeouts,
)
from asyncfetch._disk import new
from asyncfetch._disk.note import Note
from asyncfetch._disk.part import Part
from asyncfetch._express import Begun, Express
from asyncfetch._model.exchange import Validator
from asyncfetch._transfer import Transfer
from asyncfetch._transports.http.transport import HttpTransport
from asyncfetch.testing import (
    Chunked,
    CloseDelimited,
    ConnectionClose,
    Corrupt,
    Cut,
    ExtraHeaders,
    Gzip,
    Hangup,
    Hold,
    Http10,
    HttpServer,
    Interim,
    Redirect,
    ReprDigest,
    Reset,
    SlowHead,
    Stall,
    Status,
    Throttle,
    Vanish,
    WrongLength,
)

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]

BODY = bytes(range(256)) * 80  # 20 KiB
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
QUICK = Settings(retry=Retry(attempts=2, backoff=0.001), timeouts=Timeouts(read=5, stall=(1_000, 1)))


@pytest.fixture
def on_asyncio(anyio_backend_name):
    if anyio_backend_name != "asyncio":
        pytest.skip("the wire is asyncio's")


@pytest.fixture
def outcomes(monkeypatch):
    """What the short way gave, one after the other."""
    seen = []
    run = Express.run

    async def told(self, fetch, path):
        outcome = await run(self, fetch, path)
        seen.append(type(outcome))
        return outcome

    monkeypatch.setattr(Express, "run", told)
    return seen


async def warm(client, server, folder):
    """From the second file of a folder on its disk is known."""
    folder.mkdir(exist_ok=True)
    await client.fetch(server.serve("/warm", b"warm").url, folder / "warm")


def wire(client):
    return client._lent["http"]._lanes._made["wire"]


def left(folder):
    return sorted(name for name in os.listdir(folder) if name != "warm")


@pytest.mark.every_loop
async def test_small_files_go_the_short_way(on_asyncio, tmp_path, outcomes):
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            pages = [server.serve(f"/{number}", BODY) for number in range(50)]
            wishes = [Fetch(page.url, tmp_path / f"{number}", digest=DIGEST) for number, page in enumerate(pages)]
            results = await client.fetch_all(wishes)
            assert outcomes.count(Result) == 50
            again = await client.fetch_all(wishes)
        assert all((tmp_path / f"{number}").read_bytes() == BODY for number in range(50))
        assert [(one.size, one.transferred, one.digest, one.attempts) for one in results] == [
            (len(BODY), len(BODY), DIGEST, 1)
        ] * 50
        assert all(one.validator.etag and one.elapsed > 0 and one.timings.first_byte > 0 for one in results)
        assert [one.transferred for one in again] == [0] * 50
        assert all(page.hits == 1 for page in pages)
        assert len(left(tmp_path)) == 50


# --- both ways


CASES = {
    "plain": [],
    "empty": [Status(200)],
    "not found": [Status(404, body=b"no")],
    "forbidden": [Status(403)],
    "gone wrong once": [Status(500), None],
    "too many": [Status(429, retry_after=0), None],
    "no content": [Status(204), Status(204)],
    "redirect": [Redirect("/other")],
    "redirect to nowhere": [Redirect("/none")],
    "declared": [ReprDigest()],
    "declared wrongly": [ReprDigest("sha-256=:" + "A" * 43 + "=:"), None],
    "chunked": [Chunked(1_000)],
    "until the end": [CloseDelimited()],
    "closing": [ConnectionClose()],
    "of 1996": [Http10()],
    "interim": [Interim(count=3)],
    "in pieces": [Throttle(400_000, 1_000)],
    "slow head": [SlowHead(7)],
    "compressed": [Gzip(always=True), Gzip(always=True)],
    "cut": [Cut(5_000), None],
    "cut at once": [Cut(0), None],
    "reset": [Reset(12_000), None],
    "cut again and again": [Cut(5_000), Cut(5_000), Cut(5_000), Cut(5_000)],
    "hung up": [Hangup(), None],
    "hung up always": [Hangup(), Hangup(), Hangup()],
    "another byte": [Corrupt(19_000), None],
    "another byte always": [Corrupt(19_000)] * 4,
    "shorter": [WrongLength(5), None],
    "longer": [WrongLength(-5), None],
    "gone after": [Vanish()],
    "a range unasked": [ExtraHeaders((("Content-Range", f"bytes 0-{len(BODY) - 1}/{len(BODY)}"),))],
    "another range unasked": [ExtraHeaders((("Content-Range", "bytes 1-2/3"),))],
}
WISHES = {
    "verified": {"digest": DIGEST},
    "sized": {"size": len(BODY)},
    "wrong size": {"size": 5},
    "computed": {"digest": "sha256"},
    "two digests": {"digest": [DIGEST, "md5"]},
    "bare": {},
}


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("case", CASES)
async def test_both_ways_come_to_the_same(case, wish, tmp_path, monkeypatch, outcomes):
    stories = []
    for way in ("short", "long"):
        folder = tmp_path / way
        with HttpServer() as server:
            server.serve("/other", BODY, etag='"other"')
            async with Client(settings=QUICK) as client:
                await warm(client, server, folder)
                if way == "long":
                    monkeypatch.setattr(client._flights._express, "_serves", False)
                page = server.serve("/x", BODY, etag='"v1"', faults=CASES[case])
                story = [await told(client, page.url, folder / "x", **WISHES[wish])]
                # and after it everything works as ever
                good = await client.fetch(server.serve("/good", BODY).url, folder / "good", digest=DIGEST)
                assert good.digest == DIGEST
                assert client._gates._free == QUICK.limits.total
                assert not client._gates._busy
            asked = [(one.method, one.path, one.range, one.header("if-range")) for one in server.requests]
            stories.append((*story, asked, left(folder)))
    assert stories[0] == stories[1]
    assert outcomes[-1] is type(None)


async def told(client, url, path, **wish):
    try:
        result = await client.fetch(url, path, **wish)
    except FetchError as error:
        return type(error), error.reason, error.status, len(error.attempts), path.exists()
    chain = len(result.chain)
    return (
        result.size,
        result.digest,
        result.attempts,
        result.transferred,
        result.validator.etag,
        chain,
        path.read_bytes(),
    )


# --- what is there already


async def test_what_an_earlier_fetch_left_is_resumed(on_asyncio, tmp_path, outcomes):
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, etag='"v1"')
            (tmp_path / "x.part").write_bytes(BODY[:8_000])
            Note(
                str(tmp_path / "x.part.json"),
                Validator(page.url, '"v1"', size=len(BODY), strong=True),
                len(BODY),
                8_000,
            ).close()
            result = await client.fetch(page.url, tmp_path / "x")
            assert not client._gates._busy
    assert result.resumed_from == 8_000
    assert outcomes[-1] is type(None)
    assert (tmp_path / "x").read_bytes() == BODY


async def test_a_stray_note_is_gone_before_the_first_byte(on_asyncio, tmp_path, monkeypatch, outcomes):
    (tmp_path / "x.part.json").write_text("a note of other bytes")
    noted = []
    write = os.pwrite

    def watched(descriptor, data, at):
        noted.append((tmp_path / "x.part.json").exists())
        return write(descriptor, data, at)

    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            url = server.serve("/x", BODY).url
            monkeypatch.setattr(new.os, "pwrite", watched)
            await client.fetch(url, tmp_path / "x")
            monkeypatch.undo()
    assert noted == [False]
    assert left(tmp_path) == ["x"]


async def test_a_note_that_cannot_be_removed_is_for_the_long_way(on_asyncio, tmp_path, outcomes):
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            (tmp_path / "x.part.json").mkdir()
            page = server.serve("/x", BODY)
            await client.fetch(page.url, tmp_path / "x", digest=DIGEST)
        assert page.hits == 1
    assert outcomes[-1] is Begun
    assert (tmp_path / "x").read_bytes() == BODY


@pytest.mark.parametrize("next_one", [False, True], ids=["alone", "and the next one begins"])
@pytest.mark.parametrize("theirs", [b"", b"what they put there"], ids=["empty", "not empty"])
async def test_one_who_commits_between_our_opening_and_our_lock(
    theirs, next_one, on_asyncio, tmp_path, monkeypatch, outcomes
):
    """The open file is their destination then: not a byte of ours goes there, and they are not disturbed."""
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY)
            try_lock, theirs_then = new.try_lock, []

            def late(descriptor):
                (tmp_path / "x.part").write_bytes(theirs)
                os.replace(tmp_path / "x.part", tmp_path / "x")
                if next_one:
                    (tmp_path / "x.part").touch()
                theirs_then.append(os.dup(descriptor))
                return try_lock(descriptor)

            monkeypatch.setattr(new, "try_lock", late)
            await client.fetch(page.url, tmp_path / "x")
        (descriptor,) = theirs_then
        assert os.pread(descriptor, 100, 0) == theirs
        os.close(descriptor)
    assert outcomes[-1] is Begun
    assert (tmp_path / "x").read_bytes() == BODY
    assert left(tmp_path) == ["x"]


@pytest.mark.parametrize("digest", [DIGEST, None], ids=["verified", "bare"])
async def test_one_who_waits_uses_what_it_finds(digest, on_asyncio, tmp_path, outcomes):
    go = threading.Event()
    with HttpServer() as server:
        async with Client(settings=QUICK) as client, Client(settings=QUICK) as other:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, faults=[Hold(go)])
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.fetch(page.url, tmp_path / "x", digest=digest))
                await anyio.to_thread.run_sync(server.wait_until, lambda: page.hits == 1)
                tasks.start_soon(lambda: other.fetch(page.url, tmp_path / "x", digest=digest))
                await anyio.sleep(0.1)
                go.set()
        assert page.hits == 1
    assert outcomes[1:] == [type(None), Result]


# --- our own disk


@pytest.mark.parametrize("call", ["pwrite", "replace", "lstat", "fstat"])
async def test_what_the_disk_refuses_once_is_tried_the_long_way(call, on_asyncio, tmp_path, monkeypatch, outcomes):
    broken = []

    def refused(*_, **__):
        monkeypatch.undo()
        broken.append(call)
        raise OSError(errno.EIO, "broken")

    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, faults=[Hold(ready := threading.Event())])
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.fetch(page.url, tmp_path / "x", digest=DIGEST))
                await anyio.to_thread.run_sync(server.wait_until, lambda: page.hits == 1)
                monkeypatch.setattr(new.os, call, refused)
                ready.set()
            assert page.hits == 1
    assert broken == [call]
    assert (tmp_path / "x").read_bytes() == BODY
    assert left(tmp_path) == ["x"]


async def test_a_disk_that_was_slow_is_not_waited_for_on_the_loop(on_asyncio, tmp_path, monkeypatch, outcomes):
    replace = os.replace

    def slow(*names):
        time.sleep(0.03)
        replace(*names)

    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            pages = [server.serve(f"/{number}", BODY) for number in range(3)]
            with monkeypatch.context() as patch:
                patch.setattr(new.os, "replace", slow)
                await client.fetch(pages[0].url, tmp_path / "0")
                await client.fetch(pages[1].url, tmp_path / "1")
            assert outcomes[1:] == [Result, type(None)]
            await anyio.sleep(0.3)
            client._disk.locks_hang = True
            await client.fetch(pages[2].url, tmp_path / "2")
    assert outcomes[-1] is type(None)


async def test_a_part_of_a_write_is_no_file(on_asyncio, tmp_path, monkeypatch):
    write, cut = os.pwrite, []

    def some(descriptor, data, at):
        cut.append(descriptor)
        return write(descriptor, data[:1_000], at)

    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY)
            monkeypatch.setattr(new.os, "pwrite", some)
            await client.fetch(page.url, tmp_path / "x")
            assert page.hits == 1
    assert cut
    assert (tmp_path / "x").read_bytes() == BODY


# --- in pieces, and not at all


async def test_a_body_in_pieces_is_gathered(on_asyncio, tmp_path, outcomes):
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, faults=[Throttle(1_000_000, 3_000)])
            result = await client.fetch(page.url, tmp_path / "x", digest=DIGEST)
    assert outcomes[-1] is Result
    assert result.timings.body > 0.005
    assert (tmp_path / "x").read_bytes() == BODY


@pytest.mark.parametrize(
    ("size", "way"), [(0, Begun), (1, Result), (60_000, Result), (70_000, Begun), (400_000, Begun)]
)
async def test_what_fits_beside_its_head_is_small(size, way, on_asyncio, tmp_path, outcomes):
    data = bytes(size)
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            await client.fetch(server.serve("/x", data).url, tmp_path / "x")
    assert outcomes[-1] is way
    assert (tmp_path / "x").read_bytes() == data


async def test_a_body_that_trickles_is_for_who_keeps_an_eye_on_it(on_asyncio, tmp_path, outcomes):
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, etag='"v1"', faults=[Throttle(500, 50)])
            result = await client.fetch(page.url, tmp_path / "x", digest=DIGEST)
    assert result.attempts == 2  # the first one stalled
    assert page.requests[1].range != "bytes=0-"  # what had come was kept
    assert outcomes[-1] is Begun
    assert (tmp_path / "x").read_bytes() == BODY


@pytest.mark.parametrize("fault", [Hold(), Stall(0), Stall(6_000)], ids=["no head", "no body", "some of the body"])
async def test_cancelling_leaves_nothing_behind(fault, on_asyncio, tmp_path):
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, etag='"v1"', faults=[fault])
            with anyio.move_on_after(0.1) as scope:
                await client.fetch(page.url, tmp_path / "x")
            assert scope.cancelled_caught
            assert left(tmp_path) == []
            assert not client._gates._busy
            assert repr(wire(client)) == "<WireLane <Pool: 0 idle, 0 busy>>"
            assert (await client.fetch(page.url, tmp_path / "x")).size == len(BODY)


async def test_a_part_that_nobody_can_end_is_given_up_with_its_place(on_asyncio, tmp_path, monkeypatch, outcomes):
    """What was begun and does not come to an attempt takes neither a connection nor a place with it."""

    async def refuse(self):
        raise Interrupted("not today")

    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, faults=[Chunked(100)])
            monkeypatch.setattr(Transfer, "_attempts", refuse)
            with pytest.raises(Interrupted):
                await client.fetch(page.url, tmp_path / "x")
            assert not client._gates._busy
            assert not wire(client).pool.busy
    assert outcomes[-1] is Begun
    assert left(tmp_path) == []


async def test_a_part_that_cannot_be_looked_into_is_not_left_behind(on_asyncio, tmp_path, monkeypatch, outcomes):
    def refused(self):
        raise OSError(errno.EIO, "broken")

    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, faults=[Chunked(100)])
            monkeypatch.setattr(Part, "open", refused)
            with pytest.raises(LocalError):
                await client.fetch(page.url, tmp_path / "x")
            assert not wire(client).pool.busy
    assert outcomes[-1] is Begun
    assert left(tmp_path) == []


# --- what takes the other way


@pytest.mark.parametrize(
    "settings",
    [Settings(durable=True), Settings(limits=Limits(rate=1e9)), Settings(timeouts=Timeouts(total=60))],
    ids=["durable", "rate", "total"],
)
async def test_what_has_to_be_forced_paced_or_timed_takes_the_long_way(settings, tmp_path, outcomes):
    with HttpServer() as server:
        async with Client(settings=settings) as client:
            await warm(client, server, tmp_path)
            await client.fetch(server.serve("/x", BODY).url, tmp_path / "x")
    assert outcomes == [type(None)] * 2


async def test_what_has_conditions_headers_or_mirrors_takes_the_long_way(tmp_path, outcomes):
    with HttpServer() as server:
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            page = server.serve("/x", BODY, etag='"v1"')
            first = await client.fetch(page.url, tmp_path / "x", headers={"X-Asked-By": "me"})
            assert page.requests[-1].header("x-asked-by") == "me"
            again = await client.fetch(page.url, tmp_path / "y", unless=first.validator)
            assert again.unchanged
            tries = []
            for name in ("z", "zz"):  # the second time what failed comes last
                result = await client.fetch("http://127.0.0.1:9/x", tmp_path / name, mirrors=[page.url])
                assert str(result.source) == page.url
                tries.append(result.attempts)
            assert tries == [2, 1]
    assert outcomes == [type(None)] * len(outcomes)


async def test_credentials_are_shown_where_they_belong(tmp_path, outcomes):
    with HttpServer() as server, HttpServer() as stranger:
        async with Client(settings=QUICK, auth={server.url("/"): Bearer("secret")}) as client:
            await warm(client, stranger, tmp_path)
            await client.fetch(server.serve("/x", BODY).url, tmp_path / "x")
            await client.fetch(stranger.serve("/y", BODY).url, tmp_path / "y")
        assert [one.header("authorization") for one in server.requests] == ["Bearer secret"]
        assert [one.header("authorization") for one in stranger.requests] == [None, None]
        async with Client(settings=QUICK) as client:
            await warm(client, server, tmp_path)
            await client.fetch(server.url("/x"), tmp_path / "xx")
            await client.fetch(server.url("/x").replace("://", "://me:pw@"), tmp_path / "z")
        assert [one.header("authorization") for one in server.requests][1:] == [None, None, "Basic bWU6cHc="]


async def test_offline_nothing_is_asked(tmp_path):
    with HttpServer() as server:
        page = server.serve("/x", BODY)
        transport = HttpTransport(QUICK)
        async with Client(settings=QUICK, transports={"http": transport}) as client:
            await warm(client, server, tmp_path)
        async with Client(settings=Settings(offline=True), transports={"http": transport}) as client:
            (tmp_path / "near").write_bytes(BODY)
            for name in ("a", "b"):
                await client.fetch((tmp_path / "near").as_uri(), tmp_path / name)
                with pytest.raises(Offline):
                    await client.fetch(page.url, tmp_path / f"{name}{name}")
        await transport.aclose()
        assert page.hits == 0


async def test_who_observes_hears_of_small_bodies_too(tmp_path, outcomes, anyio_backend_name):
    events = []
    with HttpServer() as server:
        async with Client(settings=QUICK, observer=events.append) as client:
            await warm(client, server, tmp_path)
            events.clear()
            await client.fetch(server.serve("/x", BODY).url, tmp_path / "x")
    assert [type(event).__name__ for event in events] == ["Started", "Finished"]
    assert (events[0].size, events[0].source) == (len(BODY), events[1].result.source)
    assert outcomes[-1] is (Result if anyio_backend_name == "asyncio" else Begun)
