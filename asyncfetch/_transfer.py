"""One fetch, from first attempt to committed file.

The one place where a failure meets a decision: every FetchError of an attempt ends in ``_after``, which asks the pure
policy what to try next. The sink is entered once; a place at the gate is held for an attempt, never for a pause.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from ._model.errors import (
    Attempt,
    Busy,
    DigestMismatch,
    FetchError,
    Offline,
    ProtocolViolation,
    RangeRefused,
    SizeMismatch,
    TimedOut,
)
from ._model.events import Retrying, Started
from ._model.exchange import Answer, Request, Timings, Validator
from ._model.fetch import Result
from ._policy import resume
from ._policy.attempts import FIRST, Attempts, Step
from ._pump import Flow, pump
from ._watch import Watch

if TYPE_CHECKING:
    from ._model.digest import Digest
    from ._model.exchange import Body
    from ._model.fetch import Fetch
    from ._model.ports import Transport
    from ._model.url import Url
    from ._sinks.file import FileSink
    from ._sinks.memory import MemorySink
    from ._surroundings import Surroundings


class Transfer:
    """Carries out one wish into one sink."""

    def __init__(self, fetch: Fetch, sink: FileSink | MemorySink, around: Surroundings) -> None:
        self.fetch = fetch
        self.sink = sink
        self.around = around
        self.sources = fetch.sources
        self.began = around.clock()
        self.provable = fetch.provable
        self.tried: list[Attempt] = []
        self.transferred = 0
        self.resumed_from = 0
        self.flow: Flow | None = None
        self.farthest = 0
        self.resumed = False  # the sink holds bytes of an earlier exchange
        self.chain: tuple[str, ...] = ()
        self.declared: tuple[Digest, ...] = ()
        self.validator: Validator | None = None
        self.timings = Timings()

    async def run(self) -> Result:
        """Fetch. Raises FetchError, with the story of all attempts."""
        total = self.around.settings.timeouts.total
        try:
            if total is None:
                return await self._run()
            with anyio.move_on_after(total):
                return await self._run()
            raise TimedOut(f"it took longer than the {total:g} s allowed in all", url=self.fetch.url)
        except FetchError as error:
            error.tell(tuple(self.tried), self.around.clock() - self.began)
            raise

    async def _run(self) -> Result:
        async with self.sink:
            if self.sink.found is not None:
                return self._found(self.sink.found)
            self.resumed_from = self.farthest = self.sink.held.length
            return await self._attempts()

    async def _attempts(self) -> Result:
        if self.around.settings.offline:
            self.sources = tuple(source for source in self.sources if source.scheme == "file")
            if not self.sources:
                raise Offline("no source is on this machine", url=self.fetch.url)
        queue: Attempts | None = None  # most fetches never need one
        step: Step | None = FIRST
        while True:
            assert step is not None
            if step.pause > 0:
                await anyio.sleep(step.pause)
            source = self.sources[step.source]
            until = self.around.gates.cool_until(source.origin)
            if until:
                queue = queue or self._queue()
                step = queue.postpone(step.source, self.around.clock(), until)
                continue
            started = self.around.clock()
            try:
                return await self._attempt(source, started)
            except FetchError as error:
                queue = queue or self._queue()
                step = self._after(error, queue, step, source, started)
                if step is None:
                    raise
                self._observe_retry(error, step)

    def _queue(self) -> Attempts:
        return Attempts(len(self.sources), self.around.settings.retry, random.random)

    def _after(self, error: FetchError, queue: Attempts, step: Step, source: Url, started: float) -> Step | None:
        """Note what happened, and decide what to do about it."""
        now = self.around.clock()
        flow, self.flow = self.flow, None
        received = 0 if flow is None else flow.received
        reason = f"{type(error).__name__}: {error.reason}"
        self.tried.append(Attempt(str(source), started - self.began, now - started, received, reason))
        retry_after = error.retry_after if isinstance(error, Busy) else None
        if isinstance(error, Busy):
            pause = min(retry_after or 0.0, self.around.settings.retry.retry_after_max)
            if pause > 0:
                self.around.gates.cool(source.origin, pause)
        # a source that was refused before it gave a byte says nothing against those of another that we hold
        if flow is not None and isinstance(error, DigestMismatch | SizeMismatch | ProtocolViolation):
            was_resumed, self.resumed = self.resumed, False
            self.sink.spoil()
            self.farthest = 0
            if was_resumed and (again := queue.afresh(step.source)) is not None:
                return again
        progressed = self.sink.held.length > self.farthest
        self.farthest = max(self.farthest, self.sink.held.length)
        return queue.failed(step.source, error.verdict, now, progressed=progressed, retry_after=retry_after)

    async def _attempt(self, source: Url, started: float) -> Result:
        around = self.around
        transport = around.lent.get(source.scheme) or await around.build(source)
        await around.gates.enter(source.origin)
        entered = True
        try:
            self.timings = Timings(queued=around.clock() - started)
            unchanged = await self._exchange(transport, source)
            around.gates.leave(source.origin)
            entered = False
            return unchanged or await self._commit(source)
        finally:
            if entered:
                around.gates.leave(source.origin)

    async def _exchange(self, transport: Transport, source: Url) -> Result | None:
        """Ask, and move the body into the sink; a Result when the source says unchanged."""
        offset, matching = resume.ask(self.sink.held, str(source), provable=self.provable)
        while True:
            request = Request(
                source,
                offset,
                matching=matching,
                unless=self._unless(source) if offset == 0 else None,
                headers=self.fetch.headers,
                insecure_redirect=self.provable,
            )
            try:
                async with transport.open(request) as body:
                    if body.answer is Answer.UNCHANGED:
                        return self._unchanged(body)
                    kept = resume.keep(self.sink.held, offset, matching, body, provable=self.provable)
                    if kept is not None:
                        await self._receive(body, source, kept)
                        return None
                    if offset == 0:
                        raise ProtocolViolation("it sent a part of the body where all of it was asked for", url=source)
            except RangeRefused:
                if offset == 0:
                    raise
            offset, matching = 0, None  # what we hold is not what they have: once more, from the start

    def _unless(self, source: Url) -> Validator | None:
        """Give the validator to ask with: a mirror knows nothing of another source's times and tags."""
        unless = self.fetch.unless
        return unless if unless is not None and unless.source == str(source) else None

    async def _receive(self, body: Body, source: Url, kept: int) -> None:
        size, wanted = body.size, self.fetch.size
        if size is not None and wanted is not None and size != wanted:
            raise SizeMismatch(f"it has {size} bytes, {wanted} were expected", url=source)
        validator = self._validator(body, source, kept)
        await self.sink.begin(validator, size, offset=kept, digests=body.digests)
        self.resumed = kept > 0
        self.resumed_from = min(self.resumed_from, kept)
        self.chain, self.validator, self.declared = body.chain, validator, body.digests
        flow = self.flow = Flow(body, kept, size if size is not None else wanted)
        if self.around.observer is not None:
            self.around.observer(Started(self.fetch, source, size, kept))
        before = self.around.clock()
        watch = Watch(flow, self.fetch, source, self.around)
        self.around.pulse.watch(watch)
        try:
            if body.abortable:
                await pump(flow, self.sink, self.around.pace)
            else:
                await self._pump_in_scope(flow, watch)
        finally:
            self.around.pulse.forget(watch)
            self.transferred += flow.received
            timings = body.timings
            self.timings.connect, self.timings.tls = timings.connect, timings.tls
            self.timings.first_byte, self.timings.body = timings.first_byte, self.around.clock() - before
        if wanted is not None and flow.done != wanted:
            raise SizeMismatch(f"it has {flow.done} bytes, {wanted} were expected", url=source)

    async def _pump_in_scope(self, flow: Flow, watch: Watch) -> None:
        with anyio.CancelScope() as watch.scope:
            await pump(flow, self.sink, self.around.pace)
        if watch.scope.cancelled_caught:
            assert watch.reason is not None
            raise watch.reason

    def _validator(self, body: Body, source: Url, kept: int) -> Validator:
        held = self.sink.held.validator
        validator = body.validator or (held if kept else None) or Validator(str(source), size=body.size)
        if kept and (held is None or held.source != str(source) or not held.strong):
            # the front came from elsewhere: only a digest can prove the whole
            return replace(validator, strong=False)
        return validator

    async def _commit(self, source: Url) -> Result:
        before = self.around.clock()
        computed = await self.sink.commit()
        now = self.around.clock()
        self.timings.commit = now - before
        assert self.flow is not None
        return Result(
            self.fetch,
            self.sink.path,
            source,
            self.flow.done,
            self._reported(computed),
            self.validator,
            len(self.tried) + 1,
            self.resumed_from,
            transferred=self.transferred,
            elapsed=now - self.began,
            timings=self.timings,
            content=self.sink.content,
            chain=self.chain,
        )

    def _reported(self, computed: tuple[Digest, ...]) -> Digest | None:
        """Give the digest asked for first, else the first that the source declared."""
        for digest in (*self.fetch.digests, *self.declared):
            for found in computed:
                if found.algorithm == digest.algorithm:
                    return found
        return None

    def _found(self, size: int) -> Result:
        return Result(
            self.fetch,
            self.sink.path,
            self.fetch.url,
            size,
            self._reported(self.sink.found_digests),
            attempts=0,
            elapsed=self.around.clock() - self.began,
        )

    def _unchanged(self, body: Body) -> Result:
        return Result(
            self.fetch,
            self.sink.path,
            body.url,
            0 if self.fetch.unless is None else self.fetch.unless.size or 0,
            validator=body.validator or self.fetch.unless,
            attempts=len(self.tried) + 1,
            unchanged=True,
            elapsed=self.around.clock() - self.began,
            timings=self.timings,
            chain=body.chain,
        )

    def _observe_retry(self, error: FetchError, step: Step) -> None:
        if self.around.observer is not None:
            self.around.observer(Retrying(self.fetch, error, self.sources[step.source], step.pause))
