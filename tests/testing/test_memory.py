"""MemoryTransport: a fake that is held to the conformance check, and does wrong on cue only."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import pytest

from asyncfetch import (
    Answer,
    Busy,
    Interrupted,
    MistakeError,
    NotFound,
    ProtocolViolation,
    RangeRefused,
    Request,
    Transport,
    Url,
)
from asyncfetch.testing import (
    Change,
    Chunked,
    Corrupt,
    Cut,
    Hold,
    IgnoreRange,
    MemoryFarEnd,
    MemoryTransport,
    Pattern,
    Raise,
    RefuseRange,
    Relabel,
    Reset,
    Stall,
    WrongRange,
    check_transport,
)

pytestmark = pytest.mark.anyio
DATA = Pattern(5_000).read()


async def read(transport, url, **more):
    async with transport.open(Request(Url(url), **more)) as body:
        return body, b"".join([chunk async for chunk in body.chunks])


async def test_it_conforms():
    made = []

    @asynccontextmanager
    async def maker():
        transport = MemoryTransport()
        made.append(transport)
        yield transport, MemoryFarEnd(transport)

    await check_transport(maker)
    assert [transport.open_bodies for transport in made] == [0, 0]
    assert len(made[0].requests) > 50
    assert isinstance(made[0], Transport)


async def test_counters():
    transport = MemoryTransport(host="elsewhere")
    resource = transport.publish("/a", DATA, last_modified=datetime(2020, 1, 1, tzinfo=UTC))
    assert resource.url == "memory://elsewhere/a"
    await read(transport, resource.url)
    await read(transport, resource.url, offset=4_000)
    about = await transport.stat(Request(Url(resource.url)))
    assert (about.size, about.modified) == (5_000, datetime(2020, 1, 1, tzinfo=UTC))
    assert resource.hits == len(transport.requests) == 3
    assert resource.requests[1].offset == 4_000
    assert resource.body_bytes_sent == 6_000
    async with transport.open(Request(Url(resource.url))):
        assert transport.open_bodies == 1
    assert transport.open_bodies == 0
    transport.remove("/a")
    with pytest.raises(NotFound):
        await read(transport, resource.url)


@pytest.mark.parametrize("fault", [Cut(7), Reset(7), Raise(Interrupted("told to"), at=7)])
async def test_breaks(fault):
    transport = MemoryTransport()
    url = transport.publish("/a", DATA, faults=[fault]).url
    async with transport.open(Request(Url(url))) as body:
        view = memoryview(bytearray(100))
        assert await body.fill(view) == 7
        assert view[:7] == DATA[:7]
        for _ in range(2):
            with pytest.raises(Interrupted):
                await body.fill(view)
    assert (await read(transport, url))[1] == DATA


async def test_stall_and_hold_wait_for_an_event():
    transport = MemoryTransport()
    release = threading.Event()
    url = transport.publish("/a", DATA, faults=[Stall(7, release), Hold(release)]).url
    got = []
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(lambda: got_append(got, transport, url))
        while len(transport.requests) < 2:
            await anyio.lowlevel.checkpoint()
        assert not got
        release.set()
    assert got == [DATA, DATA]


async def got_append(got, transport, url):
    got.append((await read(transport, url))[1])


async def test_closing_ends_a_stall():
    transport = MemoryTransport()
    url = transport.publish("/a", DATA, faults=[Stall()]).url
    with pytest.raises(Interrupted, match="closed"):
        async with transport.open(Request(Url(url))) as body:
            await transport.aclose()
            await body.fill(memoryview(bytearray(10)))
    with pytest.raises(MistakeError, match="closed"):
        await read(transport, url)


async def test_a_body_is_read_inside_its_with():
    transport = MemoryTransport()
    body, _ = await read(transport, transport.publish("/a", DATA).url)
    with pytest.raises(MistakeError, match="closed"):
        await body.fill(memoryview(bytearray(10)))


async def test_errors_on_cue_are_fresh_each_time():
    transport = MemoryTransport()
    error = Busy("later", retry_after=3)
    url = transport.publish("/a", DATA, faults=[Raise(error)] * 2).url
    seen = []
    for _ in range(2):
        with pytest.raises(Busy, match="later") as caught:
            await read(transport, url)
        seen.append(caught.value)
    assert seen[0] is not seen[1]
    assert error.__traceback__ is None
    assert seen[0].retry_after == 3


async def test_ranges_and_labels_on_cue():
    transport = MemoryTransport()
    faults = [WrongRange(shift=-5), WrongRange(total=9), IgnoreRange(), RefuseRange(), Corrupt(4_001)]
    url = transport.publish("/a", DATA, faults=faults).url
    body, data = await read(transport, url, offset=4_000)
    assert (body.answer, body.offset, data) == (Answer.PARTIAL, 3_995, DATA[3_995:])
    body, data = await read(transport, url, offset=4_000)
    assert (body.offset, body.size, data) == (4_000, 9, DATA[4_000:])
    body, data = await read(transport, url, offset=4_000)
    assert (body.answer, data) == (Answer.FULL, DATA)
    with pytest.raises(RangeRefused):
        await read(transport, url, offset=4_000)
    _, data = await read(transport, url, offset=4_000)
    assert data != DATA[4_000:]
    assert data[2:] == DATA[4_002:]
    resource = transport.publish("/b", DATA, faults=[Relabel(etag='W/"w"'), Change(b"new")])
    weak, _ = await read(transport, resource.url)
    assert (weak.validator.etag, weak.validator.modified, weak.validator.strong) == ('W/"w"', None, False)
    changed, data = await read(transport, resource.url)
    assert data == b"new"
    assert changed.validator.strong
    resource.change(b"newer")
    assert (await read(transport, resource.url, unless=changed.validator))[1] == b"newer"


async def test_a_fault_of_the_wire_is_refused():
    transport = MemoryTransport()
    url = transport.publish("/a", DATA, faults=[Chunked()]).url
    with pytest.raises(TypeError, match="Chunked"):
        await read(transport, url)


async def test_an_error_can_stand_for_a_broken_source():
    transport = MemoryTransport()
    transport.publish("/a", DATA, faults=[Raise(ProtocolViolation("nonsense"))])
    with pytest.raises(ProtocolViolation):
        await transport.stat(Request(Url(transport.url("/a"))))
