"""A client's life: before, inside and after its block, and what leaves the block when something goes wrong."""

import gc
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

import asyncfetch
from asyncfetch import Client, Fetch, FetchError, MistakeError, NotFound, Settings, TooLarge
from asyncfetch.testing import Cut, HttpServer, Stall

from .scene import LARGE, MIDDLE, SMALL, client, far_end, idle, until, wait_for_note

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


async def use(one, verb):
    url = "memory://far/x"
    if verb == "open":
        async with one.open(url):
            pass
    elif verb == "list":
        return [entry async for entry in one.list(url)]
    elif verb == "as_fetched":
        return [outcome async for outcome in one.as_fetched([url])]
    elif verb == "fetch_all":
        return await one.fetch_all([url])
    else:
        return await getattr(one, verb)(url)
    return None


VERBS = ["fetch", "fetch_all", "as_fetched", "read", "open", "stat", "list"]


@pytest.mark.parametrize("verb", VERBS)
async def test_before_and_after(verb):
    one = client(far_end())
    with pytest.raises(MistakeError, match="not entered"):
        await use(one, verb)
    async with one:
        pass
    with pytest.raises(MistakeError, match="closed"):
        await use(one, verb)


async def test_it_is_entered_once():
    one = client()
    async with one:
        with pytest.raises(MistakeError):
            await one.__aenter__()
    with pytest.raises(MistakeError):
        await one.__aenter__()


@pytest.mark.parametrize("error", [NotFound("x"), LookupError("x"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.every_loop
async def test_what_is_raised_inside_comes_out_as_it_is(error):
    """Not wrapped into the ExceptionGroup of a task group that nobody sees."""
    far = far_end()
    with pytest.raises(type(error)) as raised:
        async with client(far):
            raise error
    assert raised.value is error


@pytest.mark.every_loop
async def test_the_one_shot_forms(tmp_path):
    with HttpServer() as server:
        page = server.serve("/page", SMALL)
        with pytest.raises(NotFound):
            await asyncfetch.fetch(server.url("/none"), tmp_path / "file")
        with pytest.raises(NotFound):
            await asyncfetch.read(server.url("/none"))
        with pytest.raises(TooLarge):
            await asyncfetch.read(page.url, limit=5)
        assert (await asyncfetch.fetch(page.url, tmp_path / "file", digest=page.digest)).size == len(SMALL)
        assert await asyncfetch.read(page.url) == SMALL
        private = server.serve("/private", SMALL)
        auth = {server.url("/private"): ("me", "word")}
        outcomes = await asyncfetch.fetch_all([page.url, server.url("/none")])
        assert await asyncfetch.read(private.url, auth=auth) == SMALL
        assert (await asyncfetch.fetch(private.url, auth=auth)).content == SMALL
        assert [type(one) for one in await asyncfetch.fetch_all([private.url], auth=auth)] == [asyncfetch.Result]
        assert all(request.header("authorization") for request in private.requests)
        assert await asyncfetch.read(page.url, headers={"X-Name": "value"}) == SMALL
        assert page.requests[-1].header("x-name") == "value"
    assert [type(outcome).__name__ for outcome in outcomes] == ["Result", "NotFound"]


@pytest.mark.descriptors
@pytest.mark.parametrize("raising", [True, False])
async def test_leaving_the_block_ends_what_is_under_way(tmp_path, raising):
    """Whoever waits for a fetch outside is told; what arrived is kept."""
    far = far_end()
    page = far.publish("/page", LARGE, always=[Stall(2_500_000)])
    errors = []

    async def fetch(one):
        try:
            await one.fetch(page.url, tmp_path / "file")
        except MistakeError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks:
        try:
            async with client(far) as one:
                for _ in range(3):
                    tasks.start_soon(fetch, one)
                await until(lambda: page.body_bytes_sent == 2_500_000)
                if raising:
                    raise LookupError
        except LookupError:
            assert raising
    assert len(errors) == 3
    assert all("closed" in str(error) for error in errors)
    assert all(error.fetch.url == page.url for error in errors)
    assert (tmp_path / "file.part").stat().st_size == 2_500_000
    assert far.open_bodies == 0


async def test_an_outer_cancellation_goes_through():
    far = far_end()
    page = far.publish("/page", LARGE, always=[Stall(5)])
    with anyio.CancelScope() as outer:
        with anyio.CancelScope() as inner:
            async with client(far) as one, anyio.create_task_group() as tasks:
                tasks.start_soon(one.read, page.url)
                await until(lambda: page.body_bytes_sent == 5)
                outer.cancel()
        raise AssertionError("it was swallowed")
    assert outer.cancelled_caught
    assert not inner.cancelled_caught


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_cancellation_by_asyncio_itself():
    import asyncio

    far = far_end()
    page = far.publish("/page", LARGE, always=[Stall(5)])

    async def fetch():
        async with client(far) as one:
            await one.read(page.url)

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(fetch(), 0.02)
    task = asyncio.create_task(fetch())
    await until(lambda: page.hits == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert far.open_bodies == 0


async def test_transports_of_yours_are_yours_to_close():
    far = far_end()
    async with client(far) as one:
        await one.read(far.publish("/x", SMALL).url)
    assert not far.closed


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"settings": {}}, "settings are"),
        ({"settings": "x"}, "settings are"),
        ({"observer": 5}, "the observer is called"),
        ({"transports": 5}, "transports= is a mapping"),
        ({"auth": [("https://h/", ("u", "p"))]}, "auth= is a mapping"),
    ],
)
def test_what_a_client_is_not_made_of(more, error):
    with pytest.raises(MistakeError, match=error):
        Client(**more)


@pytest.mark.parametrize("wrong", [-1, "5", 1.5, True])
async def test_numbers_of_bytes(wrong):
    async with client(far_end()) as one:
        with pytest.raises(MistakeError, match="the limit is a number of bytes"):
            await one.read("memory://far/x", limit=wrong)
        with pytest.raises(MistakeError, match="the offset is a number of bytes"):
            async with one.open("memory://far/x", offset=wrong):
                pass


async def test_a_fetch_holds_all_its_arguments():
    async with client(far_end()) as one:
        for more in ({"digest": "sha256"}, {"size": 0}, {"mirrors": ["memory://far/y"]}, {"headers": {}}):
            with pytest.raises(MistakeError):
                await one.fetch(Fetch("memory://far/x"), **more)


async def test_an_unknown_scheme():
    async with client() as one:
        for work in (one.read("gopher://h/x"), one.stat("gopher://h/x")):
            with pytest.raises(asyncfetch.UnsupportedScheme):
                await work
        (outcome,) = await one.fetch_all(["gopher://h/x"])
        assert isinstance(outcome, asyncfetch.UnsupportedScheme)
        await idle(one)


@pytest.mark.descriptors
async def test_twenty_clients_one_after_the_other_leave_nothing(tmp_path):
    with HttpServer() as server:
        page = server.serve("/page", LARGE)
        for number in range(20):
            async with client() as one:
                await one.fetch(page.url, tmp_path / str(number), digest=page.digest)
        await anyio.to_thread.run_sync(server.wait_until, lambda: server.open_connections == 0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("asyncfetch")]
    gc.collect()


def test_ctrl_c_ends_a_process(tmp_path):
    """SIGINT in the middle of a body: KeyboardInterrupt, and a part that the next run resumes."""
    import signal

    child = (
        "import sys, anyio, asyncfetch\n"
        "async def main():\n"
        "    await asyncfetch.fetch(sys.argv[1], sys.argv[2])\n"
        "try:\n"
        "    anyio.run(main, backend=sys.argv[3])\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    from asyncfetch._disk.note import read_note

    for backend in ("asyncio", "trio"):
        with HttpServer() as server:
            page = server.serve("/page", LARGE, faults=[Stall(2_500_000)])
            to = tmp_path / backend
            process = subprocess.Popen(
                [sys.executable, "-c", child, page.url, to, backend],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            )  # fmt: skip
            good = wait_for_note(tmp_path / f"{backend}.part", at_least=1_000_000)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
            assert (out, err) == ("interrupted\n", ""), err
            assert good <= read_note(f"{to}.part.json", 10**9).length <= 2_500_000


# --- open, read, stat, list


async def test_a_stream_read_to_the_end():
    far = far_end()
    page = far.publish("/page", LARGE)
    async with client(far) as one:
        async with one.open(page.url) as body:
            assert body.size == len(LARGE)
            chunks = [chunk async for chunk in body.chunks]
        assert b"".join(chunks) == LARGE
        assert max(map(len, chunks)) <= 256 * 1024
        await idle(one)
    assert far.open_bodies == 0


@pytest.mark.parametrize("scheme", ["memory", "http"])
async def test_a_stream_closed_early(scheme):
    far = far_end()
    with HttpServer() as server:
        page = server.serve("/page", LARGE) if scheme == "http" else far.publish("/page", LARGE)
        async with client(far) as one:
            for _ in range(3):
                async with one.open(page.url) as body, aclosing(body.chunks) as chunks:
                    assert await anext(chunks)
                await idle(one)
            with pytest.raises(LookupError):
                async with one.open(page.url):
                    raise LookupError
            await idle(one)
            assert await one.read(page.url) == LARGE
        assert page.hits == 5


async def test_opening_conditionally():
    far = far_end()
    page = far.publish("/page", MIDDLE)
    async with client(far) as one:
        about = await one.stat(page.url)
        async with one.open(page.url, unless=about.validator) as body:
            assert body.answer is asyncfetch.Answer.UNCHANGED
            assert [chunk async for chunk in body.chunks] == []


async def test_reading_resumes_within_memory():
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(100_000)])
    async with client(far) as one:
        assert await one.read(page.url) == MIDDLE
    assert [request.offset for request in page.requests] == [0, 100_000]


async def test_listing_left_early():
    far = far_end()
    for number in range(5):
        far.publish(f"/folder/{number}", SMALL)
    async with client(far) as one:
        async with aclosing(one.list(far.url("/folder"))) as entries:
            assert (await anext(entries)).name == "0"
        await idle(one)
        assert len([entry async for entry in one.list(far.url("/folder"))]) == 5
        with pytest.raises(NotFound):
            async for _ in one.list(far.url("/none")):
                pass
        await idle(one)


async def test_the_repr_shows_the_state():
    far = far_end()
    one = client(far)
    assert repr(one) == "<Client new>"
    async with one:
        assert "open" in repr(one)
    assert repr(one) == "<Client closed>"
    assert isinstance(one.settings, Settings)


async def test_errors_travel(tmp_path):
    import pickle

    async with client(far_end()) as one:
        with pytest.raises(FetchError) as raised:
            await one.fetch("memory://user:secret@far/none", tmp_path / "x")
    copy = pickle.loads(pickle.dumps(raised.value))
    assert type(copy) is type(raised.value)
    assert str(copy) == str(raised.value)
    assert "secret" not in str(copy) + repr(copy)
