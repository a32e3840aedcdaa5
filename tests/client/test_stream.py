"""A body read as a stream: prompt, and whole in spite of cuts, or an error; never bytes of two versions."""

import threading

import anyio
import anyio.to_thread
import pytest

from asyncfetch import ConnectFailed, Interrupted, MistakeError, NotFound, Retry
from asyncfetch.testing import Chunked, Cut, Hold, HttpServer, IgnoreRange, Raise, RefuseRange, Reset, Stall, Status

from .scene import LARGE, MIDDLE, client, far_end, idle

pytestmark = pytest.mark.anyio
OTHER = bytes(reversed(MIDDLE))


@pytest.fixture
def server():
    with HttpServer() as server:
        yield server


async def read_all(body, size=70_000):
    got, view = bytearray(), memoryview(bytearray(size))
    while count := await body.fill(view):
        got += view[:count]
    return bytes(got)


async def test_it_goes_on_after_every_cut(server):
    faults = [Cut(1_000_000), Reset(1_000_000), Status(503, retry_after=0), Cut(0), Cut(1_000_000)]
    page = server.serve("/page", LARGE, faults=faults)
    async with client() as one:
        async with one.open(page.url) as body:
            assert await read_all(body) == LARGE
        await idle(one)
    ranges = [request.header("Range") for request in page.requests]
    assert ranges[0] is None
    assert ranges[1] == "bytes=1000000-"
    assert len(ranges) == 6
    assert {request.header("If-Range") for request in page.requests[1:]} == {page.etag}


async def test_opening_is_retried_too():
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Raise(ConnectFailed("no")), Cut(100_000)])
    async with client(far) as one:
        async with one.open(page.url) as body:
            assert page.hits == 2
            assert b"".join([chunk async for chunk in body.chunks]) == MIDDLE
        await idle(one)
    assert (page.hits, far.open_bodies) == (3, 0)


@pytest.mark.parametrize("validators", [{"etag": 'W/"weak"'}, {"etag": None, "last_modified": None}])
async def test_what_cannot_be_proven_is_not_gone_on_with(validators):
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(100_000)], **validators)
    async with client(far) as one:
        async with one.open(page.url) as body:
            first = await body.fill(memoryview(bytearray(50_000)))
            assert first == 50_000
            for _ in range(2):
                with pytest.raises(Interrupted):
                    await read_all(body)
        await idle(one)
    assert (page.hits, far.open_bodies) == (1, 0)


async def test_another_version_is_not_gone_on_with(server):
    page = server.serve("/page", MIDDLE, faults=[Cut(100_000)])
    async with client() as one:
        async with one.open(page.url) as body:
            got = bytearray()
            with pytest.raises(Interrupted):
                async for chunk in body.chunks:
                    if not got:
                        page.change(OTHER)
                    got += chunk
        assert bytes(got) == MIDDLE[:100_000]
        await idle(one)


@pytest.mark.parametrize("fault", [IgnoreRange(), RefuseRange()])
async def test_a_source_that_does_not_continue_ends_it(server, fault):
    page = server.serve("/page", MIDDLE, faults=[Cut(100_000), fault])
    async with client() as one:
        async with one.open(page.url) as body:
            with pytest.raises(Interrupted):
                await read_all(body)
        await idle(one)
    assert page.hits == 2


async def test_a_cut_before_the_first_byte_asks_for_all_again():
    far = far_end()
    same = far.publish("/same", MIDDLE, etag=None, last_modified=None, faults=[Cut(0)])
    other = far.publish("/other", MIDDLE, faults=[Cut(0)])
    async with client(far) as one:
        async with one.open(same.url) as body:
            assert await read_all(body) == MIDDLE
        async with one.open(other.url) as body:  # what was told of it is not true of the other one
            other.change(OTHER[:-1])
            with pytest.raises(Interrupted):
                await read_all(body)
        await idle(one)
    assert far.open_bodies == 0


async def test_what_comes_instead_is_told():
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(100_000)])
    async with client(far) as one:
        async with one.open(page.url) as body:
            far.remove("/page")
            for _ in range(2):
                with pytest.raises(NotFound):
                    await read_all(body)
        await idle(one)
    assert far.open_bodies == 0


async def test_patience_ends_without_progress_and_the_error_tells_the_story():
    far = far_end()
    page = far.publish("/page", MIDDLE, faults=[Cut(100_000), Cut(100_000), *[Cut(0)] * 9])
    async with client(far, retry=Retry(attempts=3, backoff=0)) as one:
        async with one.open(page.url) as body:
            with pytest.raises(Interrupted) as caught:
                await read_all(body)
        await idle(one)
    assert [attempt.received for attempt in caught.value.attempts] == [100_000, 100_000, 0, 0]
    assert page.hits == 4


async def test_a_reader_that_leaves_while_it_waits_leaves_nothing(server):
    page = server.serve("/page", MIDDLE, faults=[Cut(100_000), Hold(), None])
    async with client() as one:
        async with one.open(page.url) as body:
            got, view = bytearray(), memoryview(bytearray(len(MIDDLE)))
            async with anyio.create_task_group() as tasks:

                async def read():
                    while len(got) < len(MIDDLE):
                        got.extend(view[: await body.fill(view)])

                tasks.start_soon(read)
                await anyio.to_thread.run_sync(server.wait_until, lambda: page.hits == 2)
                tasks.cancel_scope.cancel()
            assert len(got) == 100_000
            await idle(one)  # who waits holds no place
            await read()  # and may wait again
            assert got == MIDDLE
        await idle(one)


async def test_a_reader_that_is_cancelled_leaves_nothing(server):
    page = server.serve("/page", LARGE, always=[Stall(100_000)])
    async with client() as one:
        with anyio.CancelScope() as scope:
            async with one.open(page.url) as body:
                await body.fill(memoryview(bytearray(10)))
                scope.cancel()
                await read_all(body)
        assert scope.cancelled_caught
        await idle(one)


async def test_any_task_may_read_it(server):
    page = server.serve("/page", MIDDLE, faults=[Cut(100_000)])
    got = []
    async with client() as one:
        async with one.open(page.url) as body, anyio.create_task_group() as tasks:

            async def read():
                with anyio.fail_after(20):
                    got.append(await read_all(body))

            tasks.start_soon(read)
        await idle(one)
    assert got == [MIDDLE]


@pytest.mark.every_loop
@pytest.mark.parametrize("framing", [(), (Chunked(),)])
async def test_a_slow_body_is_given_as_it_comes(server, framing):
    go_on = threading.Event()
    page = server.serve("/page", MIDDLE, faults=[(Stall(1_000, until=go_on), *framing)])
    async with client() as one, one.open(page.url) as body:
        got = b""
        async for chunk in body.chunks:
            got += chunk
            if len(got) == 1_000:  # the rest comes only after these are here
                go_on.set()
        assert got == MIDDLE


async def test_a_client_that_is_closed_takes_its_streams_along():
    far = far_end()
    page = far.publish("/page", MIDDLE, always=[Stall(1_000)])
    async with client(far) as one:
        context = one.open(page.url)
        body = await context.__aenter__()
        await body.fill(memoryview(bytearray(1_000)))
    assert far.open_bodies == 0
    await context.__aexit__(None, None, None)
    with pytest.raises(MistakeError):
        async with one.open(page.url):
            raise AssertionError("it is closed")
