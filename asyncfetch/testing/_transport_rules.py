"""The rules of a Transport, each a function whose docstring is the rule; `checks.check_transport` runs them."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from .._model.errors import FetchError, NotFound, RangeRefused, TransientError, UnsupportedScheme
from .._model.exchange import CHUNK, Answer, Body, Request, Validator
from .._model.url import Url
from .pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .._model.ports import Transport
    from .far_ends import FarEnd

SMALL = Pattern(2_003).read()
OTHER = Pattern(2_003, seed=1).read()  # as long as SMALL
LARGE = Pattern(1_500_007, seed=2).read()


def must(condition: object, message: str) -> None:
    """Raise AssertionError unless it holds; also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


async def read(body: Body, size: int = CHUNK) -> bytes:
    """Read a body to its end through buffers of one size."""
    data, view = bytearray(), memoryview(bytearray(size))
    while count := await body.fill(view):
        must(0 < count <= size, f"fill gave {count} for a buffer of {size}")
        data += view[:count]
    must(await body.fill(view) == 0, "after the end of the body, fill gives 0 again")
    return bytes(data)


def same(found: bytes, wanted: bytes, what: str) -> None:
    """Raise AssertionError unless the bytes are equal; tells where they differ."""
    if found != wanted:
        at = next((i for i, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), -1)
        where = f"other bytes from {at} on" if at >= 0 else "cut short or too long"
        raise AssertionError(f"{what}: {len(found)} bytes in place of {len(wanted)}, {where}")


async def fetched(transport: Transport, url: str) -> bytes:
    """Open a whole body and read it."""
    async with transport.open(Request(Url(url))) as body:
        return await read(body)


async def label(transport: Transport, url: str) -> Validator | None:
    """Give the validator that a body comes with."""
    async with transport.open(Request(Url(url))) as body:
        return body.validator


@asynccontextmanager
async def refusal() -> AsyncIterator[list[FetchError]]:
    """Collect an error of the tree, if there is one."""
    found: list[FetchError] = []
    try:
        yield found
    except FetchError as error:
        found.append(error)


async def full(transport: Transport, far_end: FarEnd) -> None:
    """A plain request is answered FULL, from byte 0, with the whole body and its size, if that is said."""
    url = far_end.publish("full", SMALL)
    async with transport.open(Request(Url(url))) as body:
        must(body.answer is Answer.FULL, f"the answer is {body.answer}")
        must(body.offset == 0, f"the offset is {body.offset}")
        must(body.size in (None, len(SMALL)), f"the size is {body.size}, not {len(SMALL)}")
        must(isinstance(body.url, Url), "the body's url is a Url")
        must(isinstance(body.chain, tuple) and isinstance(body.digests, tuple), "chain and digests are tuples")
        same(await read(body), SMALL, "the whole")


async def empty(transport: Transport, far_end: FarEnd) -> None:
    """A body of no bytes is a body: FULL, and its end at once."""
    async with transport.open(Request(Url(far_end.publish("empty", b"")))) as body:
        must(body.answer is Answer.FULL, f"the answer is {body.answer}")
        must(body.size in (None, 0), f"the size is {body.size}")
        same(await read(body), b"", "the empty body")


async def small_buffers(transport: Transport, far_end: FarEnd) -> None:
    """Buffers may be of one byte, or of odd sizes, and change their size."""
    url = far_end.publish("small-buffers", SMALL)
    for size in (1, 7, 1_000):
        async with transport.open(Request(Url(url))) as body:
            same(await read(body, size), SMALL, f"through buffers of {size}")
    async with transport.open(Request(Url(url))) as body:
        data, sizes = bytearray(), [1, 500, 3, 64]
        while True:
            view = memoryview(bytearray(sizes[0]))
            count = await body.fill(view)
            if not count:
                break
            data += view[:count]
            sizes.append(sizes.pop(0))
        same(bytes(data), SMALL, "through buffers of changing sizes")


async def large_bodies(transport: Transport, far_end: FarEnd) -> None:
    """Bodies may be larger than the buffer, and buffers larger than the body."""
    url = far_end.publish("large", LARGE)
    for size in (65_521, 4 * 1024 * 1024):
        async with transport.open(Request(Url(url))) as body:
            same(await read(body, size), LARGE, f"through buffers of {size}")


async def chunks(transport: Transport, far_end: FarEnd) -> None:
    """The body is an iterator of chunks too, none empty and none above 256 KiB."""
    async with transport.open(Request(Url(far_end.publish("chunks", LARGE)))) as body:
        parts = [part async for part in body.chunks]
    must(all(isinstance(part, bytes) and 0 < len(part) <= CHUNK for part in parts), "a chunk is 1 byte to 256 KiB")
    same(b"".join(parts), LARGE, "the chunks")


async def descriptor(transport: Transport, far_end: FarEnd) -> None:
    """Where the kernel may copy from an open file in place of fill, that file is the body."""
    async with transport.open(Request(Url(far_end.publish("descriptor", SMALL)))) as body:
        if body.descriptor is not None:
            must(os.fstat(body.descriptor).st_size == len(SMALL), "the descriptor is of another file")


async def partial(transport: Transport, far_end: FarEnd) -> None:
    """An offset is answered PARTIAL from exactly there, or FULL from byte 0; nothing in between."""
    url = far_end.publish("partial", SMALL)
    matching = await label(transport, url)
    for offset in (1, 1_000, len(SMALL) - 1):
        async with transport.open(Request(Url(url), offset=offset, matching=matching)) as body:
            if far_end.ranges:
                must(body.answer is Answer.PARTIAL, f"from byte {offset} on the answer is {body.answer}")
            must(body.answer is not Answer.UNCHANGED, "nothing was asked conditionally")
            start = offset if body.answer is Answer.PARTIAL else 0
            must(body.offset == start, f"the offset is {body.offset}, not {start}")
            must(body.size in (None, len(SMALL)), f"size is that of the whole, not {body.size}")
            same(await read(body), SMALL[start:], f"from byte {start} on")


async def bounded(transport: Transport, far_end: FarEnd) -> None:
    """A request up to ``end`` gives no byte from there on, unless the answer is FULL."""
    url = far_end.publish("bounded", SMALL)
    matching = await label(transport, url)
    for offset, end in ((0, 100), (5, 6), (1_000, 2_000), (1_000, 99_999)):
        async with transport.open(Request(Url(url), offset=offset, end=end, matching=matching)) as body:
            if body.answer is Answer.PARTIAL:
                must(body.offset == offset, f"the offset is {body.offset}, not {offset}")
                same(await read(body), SMALL[offset:end], f"bytes {offset} up to {end}")
            else:
                must(body.answer is Answer.FULL, f"the answer is {body.answer}")
                same(await read(body), SMALL, "the whole")


async def beyond(transport: Transport, far_end: FarEnd) -> None:
    """An offset beyond the end raises RangeRefused, or is answered FULL."""
    url = far_end.publish("beyond", SMALL)
    for offset in (len(SMALL), len(SMALL) + 100):
        async with refusal() as refused, transport.open(Request(Url(url), offset=offset)) as body:
            data = await read(body)
            if body.answer is Answer.PARTIAL:
                must(
                    offset == body.offset == len(SMALL) and not data, f"PARTIAL from byte {body.offset} of {len(SMALL)}"
                )
            else:
                same(data, SMALL, f"{body.answer} for byte {offset} of {len(SMALL)}")
        for error in refused:
            must(isinstance(error, RangeRefused), f"beyond the end raises RangeRefused, not {error!r}")


async def validators(transport: Transport, far_end: FarEnd) -> None:
    """A validator names its source, is the same for the same body, and another for another body."""
    url = far_end.publish("validators", SMALL)
    first, again = await label(transport, url), await label(transport, url)
    must(first == again, f"the same body has two validators: {first} and {again}")
    if far_end.validators:
        must(first is not None, "the body has no validator")
    if first is None:
        return
    must(first.source == str(Url(url)), f"the validator's source is {first.source!r}")
    must(first.size in (None, len(SMALL)), f"the validator's size is {first.size}")
    far_end.publish("validators", OTHER)
    other = await label(transport, url)
    must(other is not None and not other.agrees(first), f"another body has the validator {other}")


async def unchanged(transport: Transport, far_end: FarEnd) -> None:
    """``unless`` is answered UNCHANGED, without a byte, as long as it holds; then FULL."""
    url = far_end.publish("unchanged", SMALL)
    known = await label(transport, url)
    if known is None or not far_end.validators:
        return
    async with transport.open(Request(Url(url), unless=known)) as body:
        must(body.answer is Answer.UNCHANGED, f"the answer is {body.answer}, though nothing changed")
        same(await read(body), b"", "a body that is UNCHANGED")
    far_end.publish("unchanged", OTHER)
    async with transport.open(Request(Url(url), unless=known)) as body:
        must(body.answer is Answer.FULL, f"the answer is {body.answer}, though the body changed")
        same(await read(body), OTHER, "the new body")


async def mismatch(transport: Transport, far_end: FarEnd) -> None:
    """When ``matching`` no longer holds, the answer is FULL, or an error; never PARTIAL of another body."""
    for name, other in (("mismatch", OTHER), ("mismatch-longer", OTHER + SMALL)):
        url = far_end.publish(name, SMALL)
        matching = await label(transport, url)
        if matching is None:
            return
        far_end.publish(name, other)
        request = Request(Url(url), offset=1_000, matching=matching)
        async with refusal() as refused, transport.open(request) as body:
            must(body.answer is Answer.FULL, f"the body changed, and the answer is {body.answer} from {body.offset}")
            same(await read(body), other, "the new body")
        for error in refused:
            must(not isinstance(error, NotFound), f"a body that changed is there, but: {error!r}")


async def not_found(transport: Transport, far_end: FarEnd) -> None:
    """What is not there raises NotFound, from ``open`` and from ``stat``; the error names the URL."""
    url = Url(far_end.url("not-there"))
    async with refusal() as refused, transport.open(Request(url)):
        pass
    async with refusal() as unknown:
        await transport.stat(Request(url))
    for errors, what in ((refused, "open"), (unknown, "stat")):
        must(errors and isinstance(errors[0], NotFound), f"{what} of nothing raises NotFound, not {errors}")
        must(errors[0].url == str(url), f"the error of {what} names {errors[0].url!r}")


async def several_open(transport: Transport, far_end: FarEnd) -> None:
    """Two bodies may be open at a time, of one URL or of two, and be read by turns."""
    one, two = far_end.publish("several-1", LARGE), far_end.publish("several-2", SMALL)
    for other, wanted in ((two, SMALL), (one, LARGE)):
        first, second, view = bytearray(), bytearray(), memoryview(bytearray(100_003))
        async with transport.open(Request(Url(one))) as a, transport.open(Request(Url(other))) as b:
            busy = True
            while busy:
                busy = False
                for body, data in ((a, first), (b, second)):
                    count = await body.fill(view)
                    data += view[:count]
                    busy = busy or count > 0
        same(bytes(first), LARGE, "the first of two bodies")
        same(bytes(second), wanted, "the second of two bodies")


async def leaving_early(transport: Transport, far_end: FarEnd) -> None:
    """A body may be left after some of it, none of it, or by an exception; the transport goes on."""
    url = far_end.publish("leaving", LARGE)
    for reads in (0, 1, 2) * 7:  # more often than a pool would have places
        async with transport.open(Request(Url(url))) as body:
            view = memoryview(bytearray(1_000))
            for _ in range(reads):
                await body.fill(view)
    left = RuntimeError("left by an exception")
    try:
        async with transport.open(Request(Url(url))):
            raise left
    except RuntimeError as error:
        must(error is left, f"another exception came out: {error!r}")
    else:
        raise AssertionError("the exception did not come out")
    same(await fetched(transport, url), LARGE, "the body after those left early")


async def cancellation(transport: Transport, far_end: FarEnd) -> None:
    """Cancelling a fill that waits ends it; ``landed`` bytes lie in its buffer; the transport goes on."""
    at = 1_000
    url = far_end.publish_stalling("cancelled", SMALL, at)
    if url is None:
        return
    buffer, got = memoryview(bytearray(len(SMALL))), 0

    async with transport.open(Request(Url(url))) as body:

        async def fill() -> None:
            nonlocal got
            while True:
                count = await body.fill(buffer[got:])
                must(count, "fill gave 0, the end, for a body that stalls")
                got += count

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fill)
            while got + body.landed < at:
                await checkpoint()
            for _ in range(5):  # so that a fill really waits
                await checkpoint()
            tasks.cancel_scope.cancel()
        must(tasks.cancel_scope.cancelled_caught, "the cancellation was swallowed")
        same(bytes(buffer[: got + body.landed]), SMALL[:at], "what had landed")
    same(await fetched(transport, url), SMALL, "the body after the cancellation")


async def flushing(transport: Transport, far_end: FarEnd) -> None:
    """``flush`` makes a fill that waits for more come back with what it has."""
    at = 1_000
    url = far_end.publish_stalling("flushed", SMALL, at)
    if url is None:
        return
    got = bytearray()
    async with transport.open(Request(Url(url))) as body, anyio.create_task_group() as tasks:

        async def fill() -> None:
            view = memoryview(bytearray(len(SMALL)))
            while count := await body.fill(view):
                got.extend(view[:count])

        tasks.start_soon(fill)
        while len(got) < at:
            await anyio.sleep(0.001)
            body.flush()
        tasks.cancel_scope.cancel()
    same(bytes(got), SMALL[:at], "what came by flush")


async def cut(transport: Transport, far_end: FarEnd) -> None:
    """A body that is cut gives the bytes that arrived, then raises a TransientError; never an end."""
    at = 1_000
    url = far_end.publish_cut("cut", SMALL, at)
    if url is None:
        return
    got, view, ended = bytearray(), memoryview(bytearray(len(SMALL))), False
    async with refusal() as refused, transport.open(Request(Url(url))) as body:
        while count := await body.fill(view):
            got += view[:count]
        ended = True
    must(not ended, f"fill gave 0, the end, for a body cut after {at} bytes")
    must(isinstance(refused[0], TransientError), f"a cut raises a TransientError, not {refused[0]!r}")
    same(bytes(got), SMALL[:at], "what had arrived before the cut")
    same(await fetched(transport, url), SMALL, "the body after the cut")


async def stat(transport: Transport, far_end: FarEnd) -> None:
    """``stat`` agrees with the body: its size, its validator; a time has its time zone."""
    url = far_end.publish("stat", SMALL)
    about = await transport.stat(Request(Url(url)))
    must(about.size == len(SMALL), f"the size is {about.size}, not {len(SMALL)}")
    modified = about.modified
    must(modified is None or (isinstance(modified, datetime) and modified.tzinfo), f"no time zone in {modified!r}")
    known = await label(transport, url)
    if known is not None:
        must(about.validator is not None and about.validator.agrees(known), f"{about.validator} against {known}")
    far_end.publish("stat", OTHER + SMALL)
    longer = (await transport.stat(Request(Url(url)))).size
    must(longer == len(OTHER + SMALL), f"the size is {longer} after the body became longer")


async def listing(transport: Transport, far_end: FarEnd) -> None:
    """``list`` gives the entries directly below a URL; UnsupportedScheme where there is no listing."""
    one, two = far_end.publish("folder/one", SMALL), far_end.publish("folder/two words", b"")
    far_end.publish("folder/below/three", SMALL)
    above = Url(far_end.url("folder") + "/")
    async with refusal() as refused:
        entries = [entry async for entry in transport.list(above)]
    if not far_end.listing:
        must(refused and isinstance(refused[0], UnsupportedScheme), f"no listing is UnsupportedScheme, not {refused}")
        return
    if refused:
        raise refused[0]
    found = {entry.name: entry for entry in entries}
    must(sorted(found) == ["below", "one", "two words"], f"the names are {sorted(found)}")
    must(len(entries) == len(found), "a name is listed twice")
    kinds = [found[name].kind for name in ("below", "one", "two words")]
    must(kinds == ["directory", "file", "file"], f"the kinds are {kinds}")
    must((found["one"].size, found["two words"].size) in (((len(SMALL)), 0), (None, None)), "the sizes are wrong")
    for entry, url in ((found["one"], one), (found["two words"], two)):
        same(
            await fetched(transport, entry.url.reveal()),
            await fetched(transport, url),
            f"what is listed as {entry.name}",
        )


async def closing_twice(transport: Transport, far_end: FarEnd) -> None:
    """Closing ends nothing that is not open, and may be repeated."""
    await fetched(transport, far_end.publish("closing", SMALL))
    await transport.aclose()
    await transport.aclose()


RULES = (
    full, empty, small_buffers, large_bodies, chunks, descriptor, partial, bounded, beyond, validators, unchanged,
    mismatch, not_found, several_open, leaving_early, cancellation, flushing, cut, stat, listing,
)  # fmt: skip
CLOSING = (closing_twice,)
