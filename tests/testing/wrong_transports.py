"""Transports that are wrong, each in one way, and the rule that is about it."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress

import anyio

from asyncfetch import Answer, Interrupted, NotFound, RangeRefused, Request, Stat, Url, Validator
from asyncfetch.testing import Cut, MemoryTransport


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
