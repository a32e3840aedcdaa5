"""The conformance checks: what is right passes, and every mutant is caught by the rule that is about it."""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager, suppress

import anyio
import anyio.lowlevel
import pytest

from asyncfetch import (
    Answer,
    Digest,
    DigestMismatch,
    Interrupted,
    NotFound,
    RangeRefused,
    Request,
    Stat,
    UnsupportedScheme,
    Url,
    Validator,
)
from asyncfetch._model.exchange import NOTHING, Held
from asyncfetch.testing import Cut, IgnoreRange, MemoryFarEnd, MemoryTransport, check_sink, check_transport

pytestmark = pytest.mark.anyio


def transports(kind, far_end_kind=MemoryFarEnd):
    @asynccontextmanager
    async def maker():
        transport = kind()
        yield transport, far_end_kind(transport)

    return maker


# --- transports that are wrong, each in one way


class ShiftsPartial(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            if body.answer is Answer.PARTIAL:
                body.at -= 1
            yield body


class CallsPartialFull(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            body.answer = Answer.FULL if body.answer is Answer.PARTIAL else body.answer
            yield body


class SaysSizeOfTheRest(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            body.size = body.stop - body.at
            yield body


class IgnoresMatching(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        request.matching = None
        async with super().open(request) as body:
            yield body


class IgnoresUnless(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        request.unless = None
        async with super().open(request) as body:
            yield body


class AlwaysUnchanged(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            if request.unless is not None:
                body.answer, body.stop = Answer.UNCHANGED, 0
            yield body


class IgnoresEnd(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            if body.answer is Answer.PARTIAL:
                body.stop = body.size
            yield body


class RaisesKeyError(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        if request.url.reveal() not in self._resources:
            raise KeyError(request.url)
        async with super().open(request) as body:
            yield body


class ForgetsWhichUrl(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        try:
            async with super().open(request) as body:
                yield body
        except NotFound as error:
            raise NotFound("gone") from error


class EmptyBeyondTheEnd(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        try:
            async with super().open(request) as body:
                yield body
        except RangeRefused:
            async with super().open(Request(request.url)) as body:
                body.answer, body.offset, body.stop = Answer.PARTIAL, request.offset, 0
                yield body


class TakesACutForTheEnd(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            fill = body.fill

            async def lenient(into):
                try:
                    return await fill(into)
                except Interrupted:
                    return 0

            body.fill = lenient
            yield body


class LosesBytesBeforeACut(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            if any(isinstance(fault, Cut) for fault in body.breaks):
                body.breaks = [Cut(0)]
            yield body


class OneBodyAtATime(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        if self.open_bodies:
            raise Interrupted("one at a time", url=request.url)
        async with super().open(request) as body:
            yield body


class RunsOutOfConnections(MemoryTransport):
    left = 15

    @asynccontextmanager
    async def open(self, request):
        if self.left == 0:
            raise Interrupted("no connection left", url=request.url)
        async with super().open(request) as body:
            yield body
            if body.at < body.stop:
                self.left -= 1


class SwallowsExceptions(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            with suppress(RuntimeError):
                yield body


class SwallowsCancellation(MemoryTransport):
    async def _wait(self, until, url):
        try:
            await super()._wait(until, url)
        except anyio.get_cancelled_exc_class():
            raise Interrupted("cancelled", url=url) from None


class WritesPastSmallBuffers(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            fill = body.fill

            async def clumsy(into):
                if len(into) > 1:
                    return await fill(into)
                scratch = memoryview(bytearray(2))
                count = await fill(scratch)
                into[:1] = scratch[:1]
                return min(count, 1)

            body.fill = clumsy
            yield body


class NoValidator(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            body.validator = None
            yield body


class NewValidatorEachTime(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            body.validator = Validator(str(request.url), etag=f'"{len(self.requests)}"', strong=True)
            yield body


class StatOfTheFirst(MemoryTransport):
    async def stat(self, request):
        await super().stat(request)
        self.__dict__.setdefault("first", Stat(size=2_003, validator=None))
        return self.first


class ListsFlat(MemoryTransport):
    async def list(self, url):
        async for entry in super().list(url):
            if entry.kind == "file":
                yield entry


class ListsUrlsThatAreWrong(MemoryTransport):
    async def list(self, url):
        async for entry in super().list(url):
            yield type(entry)(Url(str(url) + "x"), entry.name, entry.kind, entry.size)


class ListsNothing(MemoryTransport):
    async def list(self, url):
        raise NotImplementedError
        yield


class ClosesOnce(MemoryTransport):
    async def aclose(self):
        assert not self.closed
        await super().aclose()


class EndsOnlyOnce(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            fill, ended = body.fill, []

            async def strict(into):
                if ended:
                    raise RuntimeError("read after the end")
                count = await fill(into)
                ended.extend([True] * (count == 0))
                return count

            body.fill = strict
            yield body


class CountsTwice(MemoryTransport):
    """Leaves in ``landed`` what a fill has given already."""

    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            fill = body.fill

            async def forgetful(into):
                body.landed = await fill(into)
                return body.landed

            body.fill = forgetful
            yield body


class NeverFlushes(MemoryTransport):
    """Waits until the buffer is full, whatever flush says."""

    @asynccontextmanager
    async def open(self, request):
        async with super().open(request) as body:
            fill = body.fill

            async def patient(into):
                done = body.landed = 0
                while done < len(into) and (count := await fill(into[done:])):
                    done += count
                    body.landed = done
                body.landed = 0
                return done

            body.fill = patient
            yield body


WRONG_TRANSPORTS = [
    (ShiftsPartial, "partial"),
    (CallsPartialFull, "partial"),
    (SaysSizeOfTheRest, "partial"),
    (IgnoresMatching, "mismatch"),
    (IgnoresUnless, "unchanged"),
    (AlwaysUnchanged, "unchanged"),
    (IgnoresEnd, "bounded"),
    (RaisesKeyError, "not_found"),
    (ForgetsWhichUrl, "not_found"),
    (EmptyBeyondTheEnd, "beyond"),
    (TakesACutForTheEnd, "cut"),
    (LosesBytesBeforeACut, "cut"),
    (OneBodyAtATime, "several_open"),
    (RunsOutOfConnections, "leaving_early"),
    (SwallowsExceptions, "leaving_early"),
    (SwallowsCancellation, "cancellation"),
    (CountsTwice, "landed"),
    (WritesPastSmallBuffers, "small_buffers"),
    (NoValidator, "validators"),
    (NewValidatorEachTime, "validators"),
    (StatOfTheFirst, "stat"),
    (ListsFlat, "listing"),
    (ListsUrlsThatAreWrong, "listing"),
    (ListsNothing, "listing"),
    (ClosesOnce, "closing_twice"),
    (EndsOnlyOnce, "full"),
]


@pytest.mark.parametrize(("mutant", "rule"), WRONG_TRANSPORTS, ids=lambda value: getattr(value, "__name__", value))
async def test_a_wrong_transport_is_caught_by_the_rule_about_it(mutant, rule):
    with pytest.raises(AssertionError) as caught:
        await check_transport(transports(mutant))
    assert str(caught.value).startswith(f"{rule}: ")


async def test_a_transport_that_hangs_is_caught(monkeypatch):
    monkeypatch.setattr("asyncfetch.testing.checks._PATIENCE", 0.05)
    with pytest.raises(AssertionError, match="flushing: it did not end within"):
        await check_transport(transports(NeverFlushes))


async def test_a_far_end_may_be_able_to_do_less():
    class Poor(MemoryFarEnd):
        ranges = validators = listing = False

        def publish(self, name, data):
            return self.transport.publish(f"/{name}", data, etag=None, last_modified=None, always=[IgnoreRange()]).url

        def publish_stalling(self, name, data, at):
            return None

        publish_cut = publish_stalling

    class Unlisted(MemoryTransport):
        @asynccontextmanager
        async def open(self, request):
            async with super().open(request) as body:
                body.validator, body.size = None, None
                yield body

        async def list(self, url):
            raise UnsupportedScheme("no listing", url=url)
            yield

    await check_transport(transports(Unlisted, Poor))
    with pytest.raises(AssertionError, match="listing"):
        await check_transport(transports(MemoryTransport, Poor))


# --- a sink that is right: bytes in two dictionaries, parts and what is visible


class Store:
    """A NearEnd in memory; mutants override its sinks."""

    keeps = True

    def __init__(self, kind):
        self.kind = kind
        self.parts = {}
        self.files = {}

    def sink(self, name, digests=()):
        return self.kind(self, name, digests)

    def visible(self, name):
        return self.files.get(name)


class RightSink:
    room_for = 70_000

    def __init__(self, store, name, digests):
        self.store, self.name, self.asked = store, name, digests
        self.data, self.validator, self.lent, self.busy = bytearray(), None, None, False

    async def __aenter__(self):
        self.data, self.validator = self.store.parts.pop(self.name, (bytearray(), None))
        return self

    async def __aexit__(self, *exc_info):
        if self.data and self.store.keeps:
            self.store.parts[self.name] = (self.data, self.validator)

    @property
    def held(self):
        return Held(len(self.data), self.validator) if self.data else NOTHING

    async def begin(self, validator, size, *, offset, digests):
        del self.data[offset:]
        self.validator = validator
        self.digests = (*self.asked, *digests)

    def lend(self, hint):
        if self.busy:  # now and then, to have room() waited for
            return None
        self.lent = memoryview(bytearray(self.room_for))
        return self.lent

    async def room(self):
        await anyio.lowlevel.checkpoint()
        self.busy = False

    def take(self, count):
        self.data += self.lent[:count]
        self.lent, self.busy = None, count > 0

    def computed(self):
        return tuple(Digest(f"sha256:{hashlib.sha256(self.data).hexdigest()}") for _ in self.digests[:1])

    async def commit(self):
        computed = self.computed()
        if any(digest.value and digest not in computed for digest in self.digests):
            raise DigestMismatch("other bytes")
        self.store.files[self.name] = bytes(self.data)
        self.data = bytearray()
        return computed


def sinks(kind, *, keeps=True):
    @asynccontextmanager
    async def maker():
        store = Store(kind)
        store.keeps = keeps
        yield store

    return maker


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_right_sink_passes(keeps):
    await check_sink(sinks(RightSink, keeps=keeps))


class VisibleAtOnce(RightSink):
    def take(self, count):
        super().take(count)
        self.store.files[self.name] = bytes(self.data)


class TruncatesTheOld(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=offset, digests=digests)
        if self.name in self.store.files:
            self.store.files[self.name] = b""


class CommitsOnLeaving(RightSink):
    async def __aexit__(self, *exc_info):
        if exc_info[0] is None and self.data:
            self.store.files[self.name] = bytes(self.data)
        await super().__aexit__(*exc_info)


class SwallowsOnLeaving(RightSink):
    async def __aexit__(self, *exc_info):
        await super().__aexit__(*exc_info)
        return exc_info[0] is RuntimeError


class SwallowsCancelOnLeaving(RightSink):
    async def __aexit__(self, *exc_info):
        await super().__aexit__(*exc_info)
        return exc_info[0] is not None and issubclass(exc_info[0], anyio.get_cancelled_exc_class())


class NeverRewinds(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=len(self.data), digests=digests)


class RewindsToNothing(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=0, digests=digests)


class LeavesAStaleTail(RightSink):
    """Writes over what is there, as a file without truncate."""

    at = 0

    async def begin(self, validator, size, *, offset, digests):
        self.at, self.validator, self.digests = offset, validator, (*self.asked, *digests)

    @property
    def held(self):
        return Held(self.at, self.validator) if self.at else NOTHING

    async def __aenter__(self):
        await super().__aenter__()
        self.at = len(self.data)
        return self

    def take(self, count):
        self.data[self.at : self.at + count] = self.lent[:count]
        self.at += count
        self.busy = count > 0

    async def commit(self):
        computed = await super().commit()
        self.at = 0
        return computed


class CommitsWrongBytes(RightSink):
    async def commit(self):
        self.digests = ()
        return await super().commit() or self.computed()


class ChecksOnlyWhatWasAsked(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=offset, digests=())


class CommitsThenChecks(RightSink):
    async def commit(self):
        self.store.files[self.name] = bytes(self.data)
        return await super().commit()


class HashesOnlyThisAttempt(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(validator, size, offset=offset, digests=digests)
        self.hashed_from = offset

    def computed(self):
        return tuple(
            Digest(f"sha256:{hashlib.sha256(self.data[self.hashed_from :]).hexdigest()}") for _ in self.digests
        )


class ForgetsTheValidator(RightSink):
    async def __aexit__(self, *exc_info):
        self.validator = None
        await super().__aexit__(*exc_info)


class KeepsTheOldValidator(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        await super().begin(self.validator or validator, size, offset=offset, digests=digests)


class KeepsNothing(RightSink):
    async def __aexit__(self, *exc_info):
        self.store.parts.pop(self.name, None)


class HoldsMoreThanItHas(RightSink):
    async def __aenter__(self):
        await super().__aenter__()
        self.data += bytes(1 if self.data else 0)
        return self


class KeepsThePartAfterCommit(RightSink):
    async def commit(self):
        data = self.data
        computed = await super().commit()
        self.data = data
        return computed


class BelievesTheHint(RightSink):
    def lend(self, hint):
        view = super().lend(hint)
        if view is None or hint is None:
            return view
        left = max(0, hint - len(self.data))
        self.lent = view[: min(left, len(view))]
        return self.lent


class OneBufferForAll(RightSink):
    """Takes views, and copies them too late."""

    buffer = bytearray(70_000)

    def lend(self, hint):
        view = super().lend(hint)
        if view is not None:
            self.lent = view = memoryview(OneBufferForAll.buffer)
        return view

    def take(self, count):
        self.flush_late()
        self.late = (self.lent, count)
        self.busy = count > 0

    late = None

    def flush_late(self):
        if self.late is not None:
            view, count = self.late
            self.data += view[:count]
            self.late = None

    async def commit(self):
        self.flush_late()
        return await super().commit()


class LendsReadOnly(RightSink):
    def lend(self, hint):
        view = super().lend(hint)
        return None if view is None else view.toreadonly()


class RaisesOSError(RightSink):
    async def begin(self, validator, size, *, offset, digests):
        raise OSError(28, "No space left on device")


class SharesOnePart(RightSink):
    def __init__(self, store, name, digests):
        super().__init__(store, name, digests)
        self.data = store.__dict__.setdefault("shared", bytearray())

    async def __aenter__(self):
        self.data = self.store.shared
        return self


WRONG_SINKS = [
    (VisibleAtOnce, "nothing_before_commit"),
    (TruncatesTheOld, "nothing_before_commit"),
    (CommitsOnLeaving, "nothing_without_commit"),
    (SwallowsOnLeaving, "nothing_without_commit"),
    (SwallowsCancelOnLeaving, "cancellation"),
    (NeverRewinds, "held"),
    (RewindsToNothing, "rewind"),
    (LeavesAStaleTail, "rewind"),
    (CommitsWrongBytes, "digests|rewind"),
    (ChecksOnlyWhatWasAsked, "digest_mismatch"),
    (CommitsThenChecks, "digest_mismatch"),
    (HashesOnlyThisAttempt, "rewind"),
    (ForgetsTheValidator, "resumed"),
    (KeepsTheOldValidator, "held"),
    (KeepsNothing, "resumed"),
    (HoldsMoreThanItHas, "nothing_without_commit|resumed"),
    (KeepsThePartAfterCommit, "resumed"),
    (BelievesTheHint, "odd_pieces"),
    (OneBufferForAll, "whole"),
    (LendsReadOnly, "whole"),
    (RaisesOSError, "whole"),
    (SharesOnePart, "whole|held"),
]


@pytest.mark.parametrize(("mutant", "rule"), WRONG_SINKS, ids=lambda value: getattr(value, "__name__", value))
async def test_a_wrong_sink_is_caught_by_the_rule_about_it(mutant, rule):
    with pytest.raises(AssertionError) as caught:
        await check_sink(sinks(mutant))
    assert str(caught.value).split(":")[0] in rule.split("|"), caught.value
