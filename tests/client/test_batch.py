"""Batches: any number of wishes, few tasks, outcomes as they come."""

import gc
import threading
from contextlib import aclosing, asynccontextmanager

import anyio
import anyio.lowlevel
import pytest

from asyncfetch import Body, Fetch, FetchError, InvalidUrl, Limits, MistakeError, NotFound, Result, Timings
from asyncfetch._batch import Crew
from asyncfetch.testing import Hold, Stall

from ..thorough import times
from .scene import MIDDLE, SMALL, client, far_end, idle, until

pytestmark = pytest.mark.anyio


async def test_outcomes_keep_the_order_of_the_wishes(tmp_path):
    far = far_end()
    pages = [far.publish(f"/{number}", bytes([number]) * (number * 1000)) for number in range(50)]
    wishes = [Fetch(page.url, f"{tmp_path}/") for page in pages]
    wishes[7] = Fetch(far.url("/none"), tmp_path / "none")
    wishes[8] = "no url at all"
    wishes[9] = wishes[10]  # twice the same
    wishes[11] = pages[11].url
    async with client(far) as one:
        outcomes = await one.fetch_all(wishes)
        await idle(one)
    assert len(outcomes) == 50
    assert isinstance(outcomes[7], NotFound)
    assert outcomes[7].fetch is wishes[7]
    assert isinstance(outcomes[8], InvalidUrl)
    assert outcomes[9].path == outcomes[10].path
    assert outcomes[11].content == bytes([11]) * 11_000
    for number, outcome in enumerate(outcomes):
        if number not in {7, 8, 9}:
            assert isinstance(outcome, Result)
            assert outcome.size == number * 1000
            assert outcome.fetch == wishes[number] or number == 11
    assert pages[10].hits == 1


@pytest.mark.parametrize("wishes", [[], (), iter(())], ids=["list", "tuple", "iterator"])
async def test_no_wishes(wishes):
    async with client(far_end()) as one:
        assert await one.fetch_all(wishes) == []


@pytest.mark.parametrize("wishes", ["http://127.0.0.1/", Fetch("http://127.0.0.1/"), b"http://127.0.0.1/", None, 5])
async def test_what_is_no_iterable_of_wishes_is_refused(wishes):
    async with client(far_end()) as one:
        with pytest.raises(MistakeError, match="an iterable of URLs and Fetches, not"):
            await one.fetch_all(wishes)
        with pytest.raises(MistakeError, match="for one alone there is `fetch`"):
            await anext(one.as_fetched(wishes))


async def test_outcomes_come_as_they_are_there(tmp_path):
    go = threading.Event()
    far = far_end()
    slow = far.publish("/slow", SMALL, faults=[Hold(go)])
    quick = [far.publish(f"/{number}", SMALL) for number in range(5)]
    seen = []
    async with client(far) as one, aclosing(one.as_fetched([slow.url, *[page.url for page in quick]])) as outcomes:
        async for outcome in outcomes:
            seen.append(str(outcome.source))
            if len(seen) == 5:
                go.set()
    assert seen[-1] == slow.url
    assert len(seen) == 6


class _Instant(Body):
    """One byte, at once."""

    size = 1
    timings = Timings()

    def __init__(self, url):
        self.url = url

    async def fill(self, into):
        into[0] = 7
        self.ended = True
        return 1


class InstantTransport:
    """As cheap as a far end can be, and without a memory."""

    def __init__(self):
        self.requests = 0

    @asynccontextmanager
    async def open(self, request):
        self.requests += 1
        yield _Instant(request.url)

    async def aclose(self):
        pass


async def test_any_number_of_wishes_is_bounded_by_the_places(anyio_backend_name):
    far = InstantTransport()
    total = times(20_000, 100_000) if anyio_backend_name == "asyncio" else times(12_000, 20_000)
    asked = done = most_tasks = most_ahead = objects = 0

    def wishes():
        nonlocal asked
        for number in range(total):
            asked += 1
            yield f"memory://far/{number}"

    async with client(far, limits=Limits(total=8, per_host=8)) as one:
        async for outcome in one.as_fetched(wishes()):
            assert outcome.content == b"\x07"
            done += 1
            most_ahead = max(most_ahead, asked - done)
            if done == 10_000:
                gc.collect()
                objects = len(gc.get_objects())
            if done % 1_000 == 0:
                most_tasks = max(most_tasks, len(_tasks()))
        gc.collect()
        assert len(gc.get_objects()) - objects < 2_000, "objects pile up with the number of wishes"
        await idle(one)
    assert (asked, done, far.requests) == (total, total, total)
    assert most_tasks < 50
    assert most_ahead < 100


@pytest.mark.parametrize("ahead", [False, True], ids=["an iterator", "a list"])
async def test_a_task_carries_out_many_wishes(monkeypatch, ahead):
    begun = []

    class Counted(Crew):
        def __init__(self, rest):
            begun.append(self)
            super().__init__(rest)

    monkeypatch.setattr("asyncfetch._batch.Crew", Counted)

    class Unhurried(InstantTransport):
        @asynccontextmanager
        async def open(self, request):
            for _ in range(5):  # long enough that the host is full, and wishes are set aside
                await anyio.lowlevel.checkpoint()
            async with super().open(request) as body:
                yield body

    wishes = [Fetch(f"memory://far/{number}", size=1) for number in range(1_000)]
    async with client(Unhurried(), limits=Limits(total=8, per_host=8)) as one:
        outcomes = [outcome async for outcome in one.as_fetched(wishes if ahead else iter(wishes))]
    assert len(outcomes) == 1_000
    assert len(begun) < 50


def _tasks():
    import asyncio

    try:
        return asyncio.all_tasks()
    except RuntimeError:
        import trio

        return range(trio.lowlevel.current_statistics().tasks_living)


async def test_a_slow_consumer_holds_the_producers_up():
    far = far_end()
    pages = [far.publish(f"/{number}", b"x") for number in range(200)]
    async with (
        client(far, limits=Limits(total=2)) as one,
        aclosing(one.as_fetched(page.url for page in pages)) as outcomes,
    ):
        await anext(outcomes)
        for _ in range(200):
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.01)
        assert len(far.requests) < 30
        count = 1 + len([outcome async for outcome in outcomes])
    assert count == 200


async def test_an_async_iterable_that_waits(tmp_path):
    far = far_end()
    page = far.publish("/page", SMALL)
    send, receive = anyio.create_memory_object_stream(0)
    seen = []

    async def consume(one):
        async for outcome in one.as_fetched(receive):
            seen.append(outcome.size)

    async with client(far) as one:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consume, one)
            async with send:
                for number in range(5):
                    await send.send(page.url)
                    await until(lambda: len(seen) == number + 1)  # noqa: B023 - awaited here
        await idle(one)
    receive.close()
    assert page.hits == 5


@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("all_at_once", [True, False])
async def test_an_iterable_that_raises(kind, all_at_once):
    far = far_end()
    page = far.publish("/page", SMALL)

    def plain():
        yield page.url
        yield page.url
        raise LookupError("no more of that")

    async def slow():
        for url in plain():
            yield url

    seen = []
    async with client(far) as one:
        wishes = plain() if kind == "plain" else slow()
        with pytest.raises(LookupError, match="no more of that"):
            if all_at_once and kind == "plain":
                await one.fetch_all(wishes)
            else:
                async for outcome in one.as_fetched(wishes):
                    seen.append(outcome)
        await idle(one)
        assert (await one.read(page.url)) == SMALL
    if seen:
        assert len(seen) == 2


@pytest.mark.parametrize("duplicates", [1, 3])
@pytest.mark.descriptors
async def test_an_abandoned_batch_ends_at_once(tmp_path, duplicates):
    far = far_end()
    quick = far.publish("/quick", SMALL)
    stuck = [far.publish(f"/{number}", MIDDLE, always=[Stall(1000)]) for number in range(5)]
    wishes = [Fetch(page.url, f"{tmp_path}/") for page in stuck] * duplicates
    async with client(far) as one:
        async with aclosing(one.as_fetched([quick.url, *wishes])) as outcomes:
            with anyio.fail_after(5):
                await anext(outcomes)
                await until(lambda: far.open_bodies == 5)
        with anyio.fail_after(5):
            await outcomes.aclose()
        await idle(one)
        assert far.open_bodies == 0


async def test_a_consumer_that_raises():
    far = far_end()
    quick = far.publish("/quick", SMALL)
    stuck = far.publish("/stuck", MIDDLE, always=[Stall(1000)])
    async with client(far) as one:
        with pytest.raises(LookupError):
            async with aclosing(one.as_fetched([quick.url, stuck.url])) as outcomes:
                async for _ in outcomes:
                    raise LookupError
        await idle(one)


async def test_abandoning_a_batch_leaves_the_fetches_of_others_alone(tmp_path):
    go = threading.Event()
    far = far_end()
    quick = far.publish("/quick", SMALL)
    shared = far.publish("/shared", MIDDLE, faults=[Stall(1000, until=go)])
    results = []

    async def other(one):
        results.append(await one.fetch(shared.url, tmp_path / "file"))

    async with client(far) as one:
        async with anyio.create_task_group() as tasks:
            with anyio.fail_after(5):
                async with aclosing(one.as_fetched([Fetch(shared.url, tmp_path / "file"), quick.url])) as outcomes:
                    await anext(outcomes)
                    tasks.start_soon(other, one)
                    await until(lambda: next(iter(one._flights._under_way.values())).waiting == 2)
                # closed now, while the other caller still waits
            assert results == []
            go.set()
        await idle(one)
    assert [result.size for result in results] == [len(MIDDLE)]
    assert shared.hits == 1


async def test_abandoning_a_batch_that_joined_the_fetch_of_another(tmp_path):
    go = threading.Event()
    far = far_end()
    quick = far.publish("/quick", SMALL)
    shared = far.publish("/shared", MIDDLE, faults=[Stall(1000, until=go)])
    results = []

    async def other(one):
        results.append(await one.fetch(shared.url, tmp_path / "file"))

    async with client(far) as one:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other, one)
            await until(lambda: shared.hits == 1)
            with anyio.fail_after(5):
                async with aclosing(one.as_fetched([Fetch(shared.url, tmp_path / "file"), quick.url])) as outcomes:
                    await anext(outcomes)
                    await until(lambda: next(iter(one._flights._under_way.values())).waiting == 2)
            assert results == []
            go.set()
        await idle(one)
    assert len(results) == 1


async def test_abandoning_a_batch_whose_iterable_waits():
    far = far_end()
    page = far.publish("/page", SMALL)
    closed = []

    async def wishes():
        try:
            yield page.url
            await anyio.sleep_forever()
        finally:
            closed.append(True)

    async with client(far) as one:
        with anyio.fail_after(5):
            async with aclosing(one.as_fetched(wishes())) as outcomes:
                await anext(outcomes)
        await idle(one)
    assert closed == [True]


async def test_a_client_closed_under_a_batch_says_so(tmp_path):
    far = far_end()
    stuck = far.publish("/stuck", MIDDLE, always=[Stall(1000)])
    outcomes, errors = [], []

    async def consume(one):
        try:
            outcomes.extend(await one.fetch_all([stuck.url, stuck.url]))
        except FetchError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks, client(far) as one:
        tasks.start_soon(consume, one)
        await until(lambda: stuck.body_bytes_sent == 1000)
    if outcomes:
        assert [type(outcome) for outcome in outcomes] == [MistakeError] * 2
    else:
        assert [type(error) for error in errors] == [MistakeError]


async def test_batches_share_one_client(tmp_path):
    far = far_end()
    pages = [far.publish(f"/{number}", SMALL) for number in range(30)]
    counts = []

    async def batch(one):
        counts.append(len(await one.fetch_all([Fetch(page.url, f"{tmp_path}/") for page in pages])))

    async with client(far, limits=Limits(total=4)) as one:
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(batch, one)
        await idle(one)
    assert counts == [30] * 5
