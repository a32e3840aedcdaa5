"""Single flight: the same wish twice at a time is one transfer, and belongs to nobody who waits for it."""

import logging
import threading

import anyio
import pytest

from asyncfetch import DestinationBusy, Fetch, FetchError, MistakeError, NotFound
from asyncfetch.testing import Hold, Stall

from .scene import LARGE, MIDDLE, SMALL, client, digest_of, far_end, idle, until, whole_or_nothing

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("digested", [True, False])
@pytest.mark.parametrize("to", ["file", None])
@pytest.mark.every_loop
async def test_twenty_callers_are_one_transfer(tmp_path, body, digested, to):
    far = far_end()
    page = far.publish("/page", body)
    results = []

    async def fetch(one):
        path = None if to is None else tmp_path / to
        results.append(await one.fetch(page.url, path, digest=digest_of(body) if digested else None))

    async with client(far) as one:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(fetch, one)
        await idle(one)
    assert page.hits == 1
    assert len(results) == 20
    assert all(result is results[0] for result in results)
    assert (tmp_path / to).read_bytes() == body if to else results[0].content == body


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
async def test_a_log_handler_that_raises_leaves_nobody_waiting(level, monkeypatch):
    """Its error is the application's, and comes out; a caller that waits for ever would never see it."""

    class Gone(logging.Handler):
        def emit(self, record):
            raise BrokenPipeError("nobody reads the log")

    logger = logging.getLogger("asyncfetch")
    monkeypatch.setattr(logger, "handlers", [Gone()])
    before = logger.level
    far = far_end()
    ended = []
    try:
        logger.setLevel(level)
        with pytest.raises(BrokenPipeError, match="nobody reads the log"):
            async with client(far) as one:
                try:
                    await one.read(far.publish("/page", SMALL).url)
                finally:
                    ended.append(True)
    finally:
        logger.setLevel(before)
    assert ended == [True]


async def test_all_get_the_same_failure():
    far = far_end()
    raised = []

    async def fetch(one):
        try:
            await one.read(far.url("/none"))
        except NotFound as error:
            raised.append(error)

    async with client(far) as one, anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(fetch, one)
    assert len(raised) == 20
    assert len(far.requests) == 1


async def test_the_ways_to_name_a_destination_are_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    far = far_end()
    page = far.publish("/page%20one", MIDDLE)
    ways = [
        "folder",
        "folder/",
        str(tmp_path / "folder" / "page one"),
        "folder/../folder/page one",
        "./folder/page one",
    ]
    async with client(far) as one, anyio.create_task_group() as tasks:
        for way in ways:
            tasks.start_soon(one.fetch, page.url, way)
    assert page.hits == 1
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["page one"]


async def test_cancelling_one_caller_leaves_the_other_alone(tmp_path):
    go = threading.Event()
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Stall(100_000, until=go)])
    results = []
    async with client(far) as one, anyio.create_task_group() as tasks:
        scopes = [anyio.CancelScope() for _ in range(3)]

        async def fetch(scope):
            with scope:
                results.append(await one.fetch(page.url, tmp_path / "file"))

        for scope in scopes:
            tasks.start_soon(fetch, scope)
        await until(lambda: page.body_bytes_sent == 100_000)
        scopes[0].cancel()
        scopes[2].cancel()
        await anyio.sleep(0.005)
        assert results == []
        assert len(one._flights._under_way) == 1
        go.set()
    assert len(results) == 1
    assert page.hits == 1
    assert (tmp_path / "file").read_bytes() == MIDDLE


@pytest.mark.descriptors
@pytest.mark.parametrize("to", ["file", None])
async def test_the_last_one_leaving_ends_it_and_the_next_one_resumes(tmp_path, to):
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Stall(100_000)])
    path = None if to is None else tmp_path / to
    async with client(far) as one:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(one.fetch, page.url, path)
                await until(lambda: page.body_bytes_sent == 100_000)
                scope.cancel()
        await idle(one)
        assert far.open_bodies == 0
        if to:
            assert whole_or_nothing(tmp_path, MIDDLE) == 100_000
        result = await one.fetch(page.url, path)
        assert result.resumed_from == (100_000 if to else 0)
    assert page.hits == 2


async def test_a_newcomer_while_the_last_one_leaves(tmp_path):
    """It must not be told that the flight was cancelled: that was another's wish."""
    far = far_end()
    go = threading.Event()
    page = far.publish("/page", MIDDLE, faults=[Stall(100_000, until=go)])
    async with client(far) as one, anyio.create_task_group() as tasks:
        scope = anyio.CancelScope()

        async def first():
            with scope:
                await one.fetch(page.url, tmp_path / "file")

        async def second(outcomes):
            outcomes.append(await one.fetch(page.url, tmp_path / "file"))

        tasks.start_soon(first)
        await until(lambda: page.body_bytes_sent == 100_000)
        outcomes = []
        (flight,) = one._flights._under_way.values()
        scope.cancel()
        while not flight.left:
            await anyio.lowlevel.checkpoint()
        for _ in range(5):
            tasks.start_soon(second, outcomes)
            await anyio.lowlevel.checkpoint()
        go.set()
    assert [outcome.size for outcome in outcomes] == [len(MIDDLE)] * 5
    assert page.hits in {1, 2}  # one, where a newcomer was there before the first had left


async def test_two_wishes_for_one_path(tmp_path):
    go = threading.Event()
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Hold(go)])
    other = far.publish("/other", SMALL)
    async with client(far) as one, anyio.create_task_group() as tasks:
        tasks.start_soon(one.fetch, page.url, tmp_path / "file")
        await until(lambda: page.hits == 1)
        for wish in (
            Fetch(other.url, tmp_path / "file"),
            Fetch(page.url, tmp_path / "file", digest=digest_of(MIDDLE)),
            Fetch(page.url, tmp_path / "file", size=1),
            Fetch(page.url, tmp_path / "file", headers={"x": "y"}),
        ):
            with pytest.raises(DestinationBusy) as raised:
                await one.fetch(wish)
            assert isinstance(raised.value, MistakeError)
            (outcome,) = await one.fetch_all([wish])
            assert isinstance(outcome, DestinationBusy)
            assert outcome.fetch is wish
        go.set()
    assert (page.hits, other.hits) == (1, 0)
    assert (tmp_path / "file").read_bytes() == MIDDLE
    async with client(far) as one:
        await one.fetch(other.url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == SMALL


async def test_different_limits_are_different_wishes():
    far = far_end()
    page = far.publish("/page", SMALL)
    outcomes = []

    async def read(one, limit):
        try:
            outcomes.append(len(await one.read(page.url, limit=limit)))
        except FetchError as error:
            outcomes.append(type(error).__name__)

    async with client(far) as one, anyio.create_task_group() as tasks:
        for limit in (5, 20_000, None):
            tasks.start_soon(read, one, limit)
    assert sorted(map(str, outcomes)) == ["10000", "10000", "TooLarge"]


async def test_twenty_clients_of_one_process_are_one_transfer(tmp_path):
    """What keeps processes apart keeps clients apart."""
    go = threading.Event()
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Hold(go)])
    results = []

    async def fetch():
        async with client(far) as one:
            results.append(await one.fetch(page.url, tmp_path / "file", digest=digest_of(LARGE)))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(fetch)
        await until(lambda: page.hits == 1)
        await anyio.sleep(0.01)
        go.set()
    assert page.hits == 1
    assert len(results) == 20
    assert sum(result.transferred for result in results) == len(LARGE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_a_transport_that_breaks_its_promise_takes_nobody_with_it(tmp_path, caplog):
    class Broken:
        def open(self, request):
            raise ZeroDivisionError("not an error of the tree")

        async def aclose(self):
            pass

    import asyncfetch

    far = far_end()
    page = far.publish("/page", SMALL, faults=[Stall(10)])
    async with asyncfetch.Client(transports={"memory": far, "broken": Broken()}) as one:
        outcomes = []
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one.fetch, page.url, tmp_path / "file")
                await until(lambda: page.body_bytes_sent == 10)
                with pytest.raises(FetchError, match="ZeroDivisionError") as raised:
                    await one.read("broken://h/x")
                assert isinstance(raised.value.__cause__, ZeroDivisionError)
                outcomes = await one.fetch_all(["broken://h/y", far.publish("/z", b"z").url])
                assert len(one._flights._under_way) == 1, "the other fetch goes on"
                scope.cancel()
        assert [type(outcome).__name__ for outcome in outcomes] == ["FetchError", "Result"]
    assert "ZeroDivisionError" in caplog.text
