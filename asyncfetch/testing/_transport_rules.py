"""The rules of a Transport's answers, each a function whose docstring is the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._model.errors import NotFound, RangeRefused, UnsupportedScheme
from .._model.exchange import Answer, Request
from .._model.url import Url
from ._rules import OTHER, SMALL, fetched, label, must, read, refusal, same

if TYPE_CHECKING:
    from .._model.ports import Transport
    from .far_ends import FarEnd


async def full(transport: Transport, far_end: FarEnd) -> None:
    """A plain request is answered FULL, from byte 0, with the whole body and its size, if that is said."""
    url = far_end.publish("full", SMALL)
    async with transport.open(Request(Url(url))) as body:
        must(body.answer is Answer.FULL, f"the answer is {body.answer}")
        must(body.offset == 0, f"the offset is {body.offset}")
        must(body.size in (None, len(SMALL)), f"the size is {body.size}, not {len(SMALL)}")
        must(body.url == Url(url), f"it comes from {body.url}")
        must(body.chain == (), f"it was redirected: {body.chain}")
        same(await read(body), SMALL, "the whole")


async def empty(transport: Transport, far_end: FarEnd) -> None:
    """A body of no bytes is a body: FULL, and its end at once."""
    async with transport.open(Request(Url(far_end.publish("empty", b"")))) as body:
        must(body.answer is Answer.FULL, f"the answer is {body.answer}")
        must(body.size in (None, 0), f"the size is {body.size}")
        same(await read(body), b"", "the empty body")


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
    if not far_end.validators:
        return
    if first is None:
        raise AssertionError("the body has no validator")
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
        if matching is None or not far_end.validators:
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


async def stat(transport: Transport, far_end: FarEnd) -> None:
    """``stat`` agrees with the body: its size, its validator; a time has its time zone."""
    url = far_end.publish("stat", SMALL)
    about = await transport.stat(Request(Url(url)))
    must(about.size == len(SMALL), f"the size is {about.size}, not {len(SMALL)}")
    modified = about.modified
    must(modified is None or modified.tzinfo is not None, f"no time zone in {modified!r}")
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


RULES = (full, empty, validators, partial, bounded, beyond, unchanged, mismatch, not_found, stat, listing)
CLOSING = (closing_twice,)
