"""Questions without a sink: what may be waited for an answer, a stream or a listing is bounded in all."""

from contextlib import aclosing

import anyio
import pytest

from asyncfetch import ConnectFailed, Interrupted, Limits, Retry, TimedOut, Timeouts
from asyncfetch.testing import Cut, Hold, MemoryTransport, Raise, Stall

from .scene import MIDDLE, client, far_end, idle

pytestmark = pytest.mark.anyio
TOTAL = Timeouts(total=0.03)


async def opened(one, url):
    async with one.open(url) as body:
        return b"".join([chunk async for chunk in body.chunks])


@pytest.mark.parametrize("verb", ["stat", "open"])
@pytest.mark.parametrize("why", ["silence", "pauses", "turn"])
async def test_an_answer_may_take_so_long(verb, why):
    far = far_end()
    faults = {"silence": [Hold()], "pauses": [Raise(ConnectFailed("no"))], "turn": []}[why]
    page = far.publish("/page", MIDDLE, always=faults)
    patient = Retry(backoff=1_000, backoff_max=1_000)
    async with client(far, timeouts=TOTAL, retry=patient, limits=Limits(per_host=1)) as one:
        if why == "turn":
            await one._gates.enter(("memory", "far", None))
        with pytest.raises(TimedOut) as raised:
            await (one.stat(page.url) if verb == "stat" else opened(one, page.url))
        if why == "turn":
            one._gates.leave(("memory", "far", None))
        await idle(one)
    assert "0.03 s" in str(raised.value)
    assert raised.value.url == page.url
    reasons = [attempt.outcome.partition(":")[0] for attempt in raised.value.attempts]
    assert reasons == {"silence": ["TimedOut"], "pauses": ["ConnectFailed"], "turn": []}[why]
    assert far.open_bodies == 0


@pytest.mark.parametrize(
    "fault", [Stall(100_000), (Cut(100_000), Raise(ConnectFailed("no")))], ids=["stalls", "is cut"]
)
async def test_so_may_a_stream_its_readers_time_not_counted(fault):
    far = far_end()
    first, *rest = fault if isinstance(fault, tuple) else (fault,)
    page = far.publish("/page", MIDDLE, faults=[first], always=[])
    page.cue(*rest * 9)
    async with client(far, timeouts=TOTAL, retry=Retry(backoff=1_000, backoff_max=1_000)) as one:
        async with one.open(page.url) as body:
            view = memoryview(bytearray(60_000))
            assert await body.fill(view)
            await anyio.sleep(0.04)  # longer than all that may be waited
            assert await body.fill(view)
            for _ in range(2):  # it stays so
                with pytest.raises(TimedOut) as raised:
                    await body.fill(view)
            assert [attempt.received for attempt in raised.value.attempts] == [100_000]
        await idle(one)
    assert far.open_bodies == 0


async def test_so_may_a_listing_and_what_is_done_with_its_entries_is_not_counted():
    class Slow(MemoryTransport):
        async def list(self, url):
            async with aclosing(super().list(url)) as entries:
                async for entry in entries:
                    yield entry
            await anyio.sleep_forever()

    far = Slow()
    for name in ("/a", "/b"):
        far.publish(name, b"")
    names = []
    async with client(far, timeouts=TOTAL) as one:
        with pytest.raises(TimedOut):
            async for entry in one.list(far.url("/")):
                names.append(entry.name)
                await anyio.sleep(0.02)
        await idle(one)
    assert names == ["a", "b"]


async def test_without_a_limit_what_the_source_says_is_what_is_raised():
    far = far_end()
    page = far.publish("/page", MIDDLE, always=[Cut(10)])
    async with client(far, retry=Retry(attempts=1)) as one:
        with pytest.raises(Interrupted):
            await opened(one, page.url)
        await idle(one)


async def test_a_listing_is_tried_again_before_its_first_entry_only():
    class Failing(MemoryTransport):
        lists = 0

        async def list(self, url):
            self.lists += 1
            if self.lists < 3:
                raise ConnectFailed("no", url=url)
            async with aclosing(super().list(url)) as entries:
                async for entry in entries:
                    yield entry
            raise Interrupted("cut", url=url)

    far = Failing()
    for name in ("/a", "/b"):
        far.publish(name, b"")
    names = []
    async with client(far) as one:
        with pytest.raises(Interrupted):
            async for entry in one.list(far.url("/")):
                names.append(entry.name)
        await idle(one)
        far.lists = 0
        async with aclosing(one.list(far.url("/"))) as entries:
            assert (await anext(entries)).name == "a"
        await idle(one)
    assert names == ["a", "b"]
    assert far.lists == 3
