"""The rules of a Sink, each a function whose docstring is the rule; `checks.check_sink` runs them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint

from .._model.digest import Digest
from .._model.errors import DigestMismatch
from .._model.exchange import Validator
from ._rules import must, same
from .pattern import Pattern

if TYPE_CHECKING:
    from .._model.ports import Sink
    from .checks import NearEnd

SMALL = Pattern(3_001, seed=3).read()
OTHER = Pattern(2_999, seed=4).read()
LARGE = Pattern(3_000_017, seed=5).read()
ONE = Validator("memory://far/one", etag='"1"', strong=True)
TWO = Validator("memory://far/two", etag='"2"', strong=True)


def sha256(data: bytes) -> Digest:
    """Give the digest that holds."""
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


async def put(sink: Sink, data: bytes, *, hint: int | None = None, most: int | None = None) -> None:
    """Give a sink bytes, as the pump does."""
    at = 0
    while at < len(data):
        view = sink.lend(hint)
        while view is None:
            await sink.room()
            view = sink.lend(hint)
        must(len(view) > 0 and not view.readonly, "what is lent is a buffer to write to, of a byte at least")
        count = min(len(view), len(data) - at, most or len(view))
        view[:count] = data[at : at + count]
        sink.take(count)
        at += count


async def write(near_end: NearEnd, name: str, data: bytes, validator: Validator = ONE) -> None:
    """Write a whole body, and see that it is there."""
    async with near_end.sink(name) as sink:
        await sink.begin(validator, len(data), offset=0, digests=())
        await put(sink, data)
        await sink.commit()
    see(near_end, name, data)


def see(near_end: NearEnd, name: str, wanted: bytes | None, what: str = "what was committed") -> None:
    """Raise AssertionError unless this is what users see."""
    found = near_end.visible(name)
    if wanted is None or found is None:
        must(found is wanted, f"{what}: {'nothing is there' if found is None else f'{len(found)} bytes are there'}")
    else:
        same(found, wanted, what)


async def whole(near_end: NearEnd) -> None:
    """What is taken is there after the commit, for small and large bodies, of known size and unknown."""
    for size in (0, 1, len(SMALL)):
        await write(near_end, f"whole-{size}", SMALL[:size])
    await write(near_end, "whole-large", LARGE)
    async with near_end.sink("whole-unknown") as sink:
        await sink.begin(ONE, None, offset=0, digests=())
        await put(sink, LARGE)
        await sink.commit()
    see(near_end, "whole-unknown", LARGE)


async def odd_pieces(near_end: NearEnd) -> None:
    """A buffer may come back with fewer bytes than it has room for, or none; the hint is only a hint."""
    for hint in (None, 1, len(SMALL), 10**9):
        name = f"odd-{hint}"
        async with near_end.sink(name) as sink:
            await sink.begin(ONE, None, offset=0, digests=())
            must(sink.lend(hint) is not None, "the first buffer is lent at once")
            sink.take(0)
            await put(sink, SMALL, hint=hint, most=61)
            await sink.commit()
        see(near_end, name, SMALL, f"given in pieces of 61 bytes with the hint {hint}")


async def nothing_before_commit(near_end: NearEnd) -> None:
    """Before the commit users see what was there before: nothing, or the old body."""
    await write(near_end, "before-old", OTHER)
    for name, old in (("before-new", None), ("before-old", OTHER)):
        async with near_end.sink(name) as sink:
            see(near_end, name, old, "after entering")
            await sink.begin(ONE, len(LARGE), offset=0, digests=())
            see(near_end, name, old, "after begin")
            await put(sink, LARGE)
            see(near_end, name, old, "before the commit")
            await sink.commit()
        see(near_end, name, LARGE)


async def nothing_without_commit(near_end: NearEnd) -> None:
    """A sink that is left without a commit, or by an exception, has changed nothing that users see."""
    await write(near_end, "without-old", OTHER)
    for name, old in (("without-new", None), ("without-old", OTHER)):
        left = RuntimeError("left by an exception")
        for error in (None, left):
            try:
                async with near_end.sink(name) as sink:
                    await sink.begin(ONE, len(SMALL), offset=0, digests=())
                    await put(sink, SMALL)  # all of it, even
                    if error is not None:
                        raise error
            except RuntimeError as raised:
                must(raised is left, f"another exception came out: {raised!r}")
            else:
                must(error is None, "the exception did not come out")
            see(near_end, name, old, "after leaving without a commit")


async def held(near_end: NearEnd) -> None:
    """``held`` tells how many bytes are here and with which validator; nothing at first."""
    async with near_end.sink("held") as sink:
        must(sink.held.length == 0, f"{sink.held.length} bytes are held at first")
        await sink.begin(ONE, len(SMALL), offset=0, digests=())
        await put(sink, SMALL[:1_000])
        must(sink.held.length == 1_000, f"{sink.held.length} bytes are held after 1000 were taken")
        must(sink.held.validator == ONE, f"they are held with {sink.held.validator}")
        await sink.begin(TWO, len(OTHER), offset=0, digests=())
        must(sink.held.length == 0, f"{sink.held.length} bytes are held after a new beginning")
        await put(sink, OTHER[:10])
        must(sink.held.validator == TWO, f"they are held with {sink.held.validator}, not the new validator")


async def rewind(near_end: NearEnd) -> None:
    """``begin`` keeps as many bytes as it is told and drops the rest, also when the new body is shorter."""
    for start in (SMALL, LARGE):
        for keep in (0, 1, 500, 2_000):
            name = f"rewind-{len(start)}-{keep}"
            wanted = start[:keep] + OTHER[:200]
            async with near_end.sink(name) as sink:
                await sink.begin(ONE, len(start), offset=0, digests=())
                await put(sink, start)
                await sink.begin(TWO, len(wanted), offset=keep, digests=(sha256(wanted),))
                await put(sink, OTHER[:200])
                await sink.commit()
            see(near_end, name, wanted, f"{keep} bytes of {len(start)} kept, 200 added")


async def going_on(near_end: NearEnd) -> None:
    """``begin`` at all that is held goes on there, as after a cut."""
    async with near_end.sink("going-on") as sink:
        for at in range(0, len(LARGE), 700_001):
            await sink.begin(ONE, len(LARGE), offset=at, digests=(sha256(LARGE),))
            await put(sink, LARGE[at : at + 700_001])
        await sink.commit()
    see(near_end, "going-on", LARGE, "written in five attempts")


async def digests(near_end: NearEnd) -> None:
    """The digests that must hold are computed, over exactly the body, and given back."""
    for data in (b"", SMALL, LARGE):
        name, right = f"digests-{len(data)}", sha256(data)
        async with near_end.sink(name, (right,)) as sink:
            await sink.begin(ONE, len(data), offset=0, digests=())
            await put(sink, data)
            computed = await sink.commit()
        must(right in computed, f"the digests given back are {computed}")
        see(near_end, name, data)
    async with near_end.sink("digests-asked", (Digest("sha256"),)) as sink:
        await sink.begin(ONE, len(SMALL), offset=0, digests=())
        await put(sink, SMALL)
        computed = await sink.commit()
    must(sha256(SMALL) in computed, f"the digest asked for is not among {computed}")


async def digest_mismatch(near_end: NearEnd) -> None:
    """A digest that does not hold raises DigestMismatch and leaves what was there; the right bytes may follow."""
    await write(near_end, "mismatch-old", OTHER)
    for name, old in (("mismatch-new", None), ("mismatch-old", OTHER)):
        for asked, declared in (((sha256(SMALL),), ()), ((), (sha256(SMALL),))):
            async with near_end.sink(name, asked) as sink:
                await sink.begin(ONE, len(OTHER), offset=0, digests=declared)
                await put(sink, OTHER[::-1])
                try:
                    await sink.commit()
                except DigestMismatch:
                    pass
                else:
                    raise AssertionError("wrong bytes were committed")
                see(near_end, name, old, "after wrong bytes")
                await sink.begin(ONE, len(SMALL), offset=0, digests=declared)
                await put(sink, SMALL[:100])
            see(near_end, name, old, "after wrong bytes, and leaving")
        async with near_end.sink(name, (sha256(SMALL),)) as sink:
            await sink.begin(ONE, len(SMALL), offset=0, digests=())
            await put(sink, SMALL)
            await sink.commit()
        see(near_end, name, SMALL, "the right bytes after wrong ones")
        await write(near_end, "mismatch-old", OTHER)


async def resumed(near_end: NearEnd) -> None:
    """What arrived is held by the next sink, with its validator, if the near end keeps at all; and it is right."""
    for count in (1_000, 1_500_000):
        name = f"resumed-{count}"
        async with near_end.sink(name) as sink:
            await sink.begin(ONE, len(LARGE), offset=0, digests=())
            await put(sink, LARGE[:count])
        async with near_end.sink(name) as sink:
            there = sink.held
            must(there.length <= count, f"{there.length} bytes are held, {count} were given")
            if near_end.keeps:
                must(there.length > 0, f"nothing is held of {count} bytes")
                must(there.validator == ONE, f"they are held with {there.validator}")
            await sink.begin(ONE, len(LARGE), offset=there.length, digests=(sha256(LARGE),))
            await put(sink, LARGE[there.length :])
            await sink.commit()
        see(near_end, name, LARGE, f"resumed after {there.length} bytes")
        async with near_end.sink(name) as sink:
            must(sink.held.length == 0, f"{sink.held.length} bytes are held after the commit")


async def another_body(near_end: NearEnd) -> None:
    """When another body begins, nothing of the one before it is held under its validator."""
    async with near_end.sink("another") as sink:
        await sink.begin(ONE, len(SMALL), offset=0, digests=())
        await put(sink, SMALL)
    async with near_end.sink("another") as sink:
        await sink.begin(TWO, len(OTHER), offset=0, digests=())
        await put(sink, OTHER[:50])
    async with near_end.sink("another") as sink:
        there = sink.held
        must(there.length <= 50, f"{there.length} bytes are held of the new body, 50 were given")
        if there.length:
            must(there.validator == TWO, f"they are held with {there.validator}")
        await sink.begin(TWO, len(OTHER), offset=there.length, digests=())
        await put(sink, OTHER[there.length :])
        await sink.commit()
    see(near_end, "another", OTHER, "the second body, resumed")


async def cancellation(near_end: NearEnd) -> None:
    """A sink that is cancelled, even with a buffer lent, leaves nothing that users see, and may be entered again."""
    with anyio.CancelScope() as scope:
        async with near_end.sink("cancelled") as sink:
            await sink.begin(ONE, len(LARGE), offset=0, digests=())
            await put(sink, LARGE[:1_000_000])
            while (view := sink.lend(None)) is None:
                await sink.room()
            view[:1] = b"x"
            scope.cancel()
            await checkpoint()
    must(scope.cancelled_caught, "the cancellation was swallowed")
    see(near_end, "cancelled", None, "after the cancellation")
    async with near_end.sink("cancelled") as sink:
        there = sink.held.length
        must(there <= 1_000_000, f"{there} bytes are held, 1000000 were taken")
        await sink.begin(ONE, len(LARGE), offset=there, digests=(sha256(LARGE),))
        await put(sink, LARGE[there:])
        await sink.commit()
    see(near_end, "cancelled", LARGE, f"resumed after {there} bytes")


async def two_at_a_time(near_end: NearEnd) -> None:
    """Two sinks may be open at a time."""
    async with near_end.sink("two-1") as one, near_end.sink("two-2") as two:
        for sink in (one, two):
            await sink.begin(ONE, None, offset=0, digests=())
        for at in range(0, len(SMALL), 100):
            for sink, data in ((one, SMALL), (two, SMALL[::-1])):
                await put(sink, data[at : at + 100])
        await two.commit()
        await one.commit()
    see(near_end, "two-1", SMALL, "the first of two")
    see(near_end, "two-2", SMALL[::-1], "the second of two")


RULES = (
    whole, odd_pieces, nothing_before_commit, nothing_without_commit, held, rewind, going_on, digests, digest_mismatch,
    resumed, another_body, cancellation, two_at_a_time,
)  # fmt: skip
