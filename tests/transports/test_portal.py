"""The portal: a transport for asyncio alone serves trio. The rules hold in tests/transports/ftp, too; here, its own."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager

import anyio
import pytest

from asyncfetch import NotFound, Stalled, UnsupportedScheme, Url
from asyncfetch._model.exchange import Entry, Request
from asyncfetch._transports.portal import BATCH, Portal
from asyncfetch.testing import MemoryFarEnd, MemoryTransport, Pattern, check_transport
from asyncfetch.testing.faults import Stall

pytestmark = pytest.mark.anyio
DATA = Pattern(100_000).read()


@pytest.fixture(scope="module")
def anyio_backend():
    return "trio"


@asynccontextmanager
async def portal():
    transport = MemoryTransport()
    one = Portal(lambda: transport)
    try:
        yield one, transport
    finally:
        await one.aclose()


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "asyncfetch-portal"]


async def test_the_rules_of_a_transport_hold():
    @asynccontextmanager
    async def make():
        async with portal() as (one, transport):
            yield one, MemoryFarEnd(transport)

    await check_transport(make)


async def test_one_thread_for_all_and_none_left():
    async with portal() as (one, transport):
        assert threads() == []
        url = Url(transport.publish("/f", DATA).url)

        async def fetch():
            async with one.open(Request(url)) as body:
                assert b"".join([chunk async for chunk in body.chunks]) == DATA

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(fetch)
        assert len(threads()) == 1
    assert threads() == []


async def test_bytes_land_in_the_buffer_of_the_caller_and_none_after_it_was_cancelled():
    async with portal() as (one, transport):
        resource = transport.publish("/f", DATA, faults=[Stall(1_000)])
        view, got = memoryview(bytearray(len(DATA))), 0
        async with one.open(Request(Url(resource.url))) as body, anyio.create_task_group() as group:

            async def fill():
                nonlocal got
                try:
                    while True:
                        got += await body.fill(view[got:])
                except anyio.get_cancelled_exc_class():
                    got += body.landed
                    raise

            group.start_soon(fill)
            while got + body.landed < 1_000:  # noqa: ASYNC110 - nobody tells when bytes land
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()
        assert got == 1_000
        assert bytes(view[:1_000]) == DATA[:1_000]


async def test_cancelled_while_it_opens():
    entered, left = threading.Event(), threading.Event()

    class Slow(MemoryTransport):
        @asynccontextmanager
        async def open(self, request):
            entered.set()
            try:
                await anyio.sleep_forever()
            finally:
                left.set()
            yield

    one = Portal(Slow)
    async with anyio.create_task_group() as group:

        async def fetch():
            async with one.open(Request(Url("memory://h/f"))):
                pass

        group.start_soon(fetch)
        await anyio.to_thread.run_sync(entered.wait)
        group.cancel_scope.cancel()
    assert left.is_set()  # the caller did not go on before
    await one.aclose()
    assert threads() == []


async def test_errors_come_across_as_they_are():
    async with portal() as (one, transport):
        with pytest.raises(NotFound):
            async with one.open(Request(Url(transport.url("/none")))):
                pass
        url = transport.publish("/f", DATA).url
        reason = Stalled("left")
        with pytest.raises(Stalled) as caught:
            async with one.open(Request(Url(url))):
                raise reason
        assert caught.value is reason


async def test_listings_cross_in_batches():
    class Long(MemoryTransport):
        async def list(self, url):
            for number in range(2 * BATCH + 1):
                yield Entry(url, str(number), "file")
            if url.name == "refused":
                raise UnsupportedScheme("no more")

    one = Portal(Long)
    try:
        entries = [entry.name async for entry in one.list(Url("memory://h/d"))]
        assert entries == [str(number) for number in range(2 * BATCH + 1)]
        with pytest.raises(UnsupportedScheme):
            [entry async for entry in one.list(Url("memory://h/refused"))]
    finally:
        await one.aclose()
