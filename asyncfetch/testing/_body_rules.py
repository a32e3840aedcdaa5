"""The rules of the bodies that a Transport opens, each a function whose docstring is the rule."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from .._model.errors import TransientError
from .._model.exchange import CHUNK, Request
from .._model.url import Url
from ._rules import LARGE, SMALL, fetched, must, read, refusal, same

if TYPE_CHECKING:
    from .._model.ports import Transport
    from .far_ends import FarEnd


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
    must(all(0 < len(part) <= CHUNK for part in parts), "a chunk is 1 byte to 256 KiB")
    same(b"".join(parts), LARGE, "the chunks")


async def descriptor(transport: Transport, far_end: FarEnd) -> None:
    """Where the kernel may copy from an open file in place of fill, that file is the body."""
    async with transport.open(Request(Url(far_end.publish("descriptor", SMALL)))) as body:
        if body.descriptor is not None:
            must(os.fstat(body.descriptor).st_size == len(SMALL), "the descriptor is of another file")


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
                    data.extend(view[:count])
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


async def landed(transport: Transport, far_end: FarEnd) -> None:
    """``landed`` counts for a fill under way only: it is 0 before the first one, and when one has come back."""
    url = far_end.publish("landed", SMALL)
    view = memoryview(bytearray(500))
    for _ in range(2):  # the second body may come over the connection of the first
        async with transport.open(Request(Url(url))) as body:
            must(body.landed == 0, f"{body.landed} bytes have landed before the first fill")
            while count := await body.fill(view):
                must(body.landed == 0, f"{body.landed} bytes have landed after a fill gave {count}")


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
            try:
                while True:
                    count = await body.fill(buffer[got:])
                    must(count, "fill gave 0, the end, for a body that stalls")
                    got += count
            except anyio.get_cancelled_exc_class():
                got += body.landed
                raise

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fill)
            while got + body.landed < at:
                await checkpoint()
            for _ in range(5):  # so that a fill really waits
                await checkpoint()
            tasks.cancel_scope.cancel()
        must(tasks.cancel_scope.cancelled_caught, "the cancellation was swallowed")
        same(bytes(buffer[:got]), SMALL[:at], "what had landed")
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


RULES = (
    small_buffers, large_bodies, chunks, descriptor, several_open, leaving_early, landed, cancellation, flushing, cut
)  # fmt: skip
