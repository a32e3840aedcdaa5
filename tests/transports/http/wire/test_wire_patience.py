"""How long the wire lane waits: for an answer, for its end, for the next byte, for another request.

The servers of these tests answer when this machine lets them, so the patience in question is set once they have.
"""

import asyncio

import pytest

from asyncfetch import Timeouts, Url
from asyncfetch._model.errors import TimedOut
from asyncfetch.testing import Hold, Interim, Pattern, SlowHead, Stall, Throttle

from .ends import EMPTY, HEADERS, get, in_thread, read

pytestmark = pytest.mark.anyio
BODY = bytes(range(256)) * 100
PATIENT = 30  # seconds


async def test_interim_answers_and_slow_heads(lane, http_server):
    resource = http_server.serve("/a", BODY, always=[Interim(count=3), SlowHead(piece=2)])
    assert await get(lane, resource.url) == (200, BODY)


async def test_the_next_answer_is_not_waited_for_for_ever(make_lane, http_server):
    lane = make_lane(timeouts=Timeouts(read=0.2))
    resource = http_server.serve("/a", BODY, faults=[Hold(), Stall(1000), None])
    with pytest.raises(TimedOut, match=r"no answer in 0\.2 s"):
        await get(lane, resource.url)
    with pytest.raises(TimedOut, match=r"not a byte more of the body in 0\.2 s"):
        await get(lane, resource.url)
    lane.watchdog._patience = PATIENT
    assert await get(lane, resource.url) == (200, BODY)
    assert http_server.connections == 3


async def test_bytes_that_came_before_the_silence_are_given(make_lane, http_server):
    lane = make_lane(timeouts=Timeouts(read=PATIENT))
    resource = http_server.serve("/a", BODY, always=[Stall(1000)])
    async with lane.send("GET", Url(resource.url), HEADERS) as reply:
        lane.watchdog._patience = 0.05
        lane.watchdog._beat = 0.01
        view = memoryview(bytearray(64_000))
        assert await reply.fill(view) == 1000
        with pytest.raises(TimedOut):
            await reply.fill(view)


async def test_a_reader_may_take_its_time(make_lane, http_server):
    """Time in which we do not read is no silence of the far end's."""
    lane = make_lane(timeouts=Timeouts(read=PATIENT))
    resource = http_server.serve("/a", Pattern(10_000_000))
    async with lane.send("GET", Url(resource.url), HEADERS) as reply:
        view, whole = memoryview(bytearray(1 << 20)), 0
        while count := await reply.fill(view):
            whole += count
            if whole < 4_000_000:
                (connection,) = lane.pool.busy
                lane.watchdog._check(connection, connection.seen_at + 2 * PATIENT)
                await asyncio.sleep(0)
    assert whole == 10_000_000


async def test_a_slow_body_is_not_silence(make_lane, http_server):
    lane = make_lane(timeouts=Timeouts(read=PATIENT))
    resource = http_server.serve("/a", b"x" * 60, always=[Throttle(100, 1)])
    async with lane.send("GET", Url(resource.url), HEADERS) as reply:
        lane.watchdog._patience = 0.5  # less than the whole takes
        assert await read(reply) == b"x" * 60


async def test_a_head_that_trickles_is_given_up(make_lane, http_server):
    lane = make_lane(timeouts=Timeouts(read=0.2))
    resource = http_server.serve("/a", b"x", always=[SlowHead(1, 0.02)])
    with pytest.raises(TimedOut, match=r"not the whole head of an answer in 0\.2 s"):
        await get(lane, resource.url)
    assert repr(lane.pool) == EMPTY


async def test_idle_connections_are_closed_in_time(lane, http_server):
    resource = http_server.serve("/a", b"x")
    lane.pool.idle_seconds = 0.02
    await get(lane, resource.url)
    lane.watchdog._beat = 0.01
    lane.watchdog.wake()
    await in_thread(http_server.wait_until, lambda: http_server.open_connections == 0)
    assert repr(lane.pool) == EMPTY
    assert not lane.watchdog.awake


async def test_idle_connections_are_bounded(lane, http_server):
    resource = http_server.serve("/a", b"x")
    lane.pool.idle_limit = 3
    together = asyncio.Barrier(8)

    async def one():
        async with lane.send("GET", Url(resource.url), HEADERS) as reply:
            await together.wait()
            await read(reply)

    await asyncio.gather(*[one() for _ in range(8)])
    assert repr(lane.pool).startswith("<Pool: 3 idle, 0 busy; ")
    await in_thread(http_server.wait_until, lambda: http_server.open_connections == 3)
