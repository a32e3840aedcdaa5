"""One fetch, from first attempt to committed file.

The one place where a failure meets a decision: every FetchError of an attempt ends in ``_after``, which asks the pure
policy what to try next. The sink is entered once; a place at the gate is held for an attempt, never for a pause.
"""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from ._gates import Cooling
from ._model.digest import CHECKSUM
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
    Verdict,
)
from ._model.events import Retrying, Started
from ._model.exchange import Answer, Request, Timings, Validator
from ._model.fetch import Result
from ._pieces import Pieces
from ._policy import resume, split
from ._policy.attempts import FIRST, Attempts, Step
from ._pump import Flow
from ._watch import Watch, carry

if TYPE_CHECKING:
    from ._express import Begun
    from ._model.digest import Digest
    from ._model.exchange import Body
    from ._model.fetch import Fetch
    from ._model.ports import Transport
    from ._model.url import Url
    from ._sinks.file import FileSink
    from ._sinks.memory import MemorySink
    from ._surroundings import Rest, Surroundings

log = logging.getLogger("asyncfetch")
_LINE = "attempt %d at %s: %d bytes in %.3f s"  # the URL masks itself
_FAILED = f"{_LINE}: %s"


class Transfer:
    """Carries out one wish into one sink."""

    def __init__(
        self,
        fetch: Fetch,
        sink: FileSink | MemorySink,
        around: Surroundings,
        rest: Rest | None = None,
        begun: Begun | None = None,
    ) -> None:
        self.rest = rest
        self.begun = begun
        self.fetch = fetch
        self.sink = sink
        self.around = around
        self.sources = fetch.sources
        self.began = around.clock() if begun is None else begun.began
        self.provable = fetch.provable
        self.tried: list[Attempt] = []
        self.under_way: tuple[Url, float] | None = None  # the attempt: at which source, since when
        self.transferred = 0
        self.resumed_from = 0
        self.flow: Flow | Pieces | None = None
        self.farthest = 0
        self.resumed = False  # the sink holds bytes of another exchange
        self.alone = around.settings.limits.connections_per_file < 2  # one connection only
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
            error = TimedOut(f"it took longer than the {total:g} s allowed in all", url=self.fetch.url)
            if self.under_way is not None:
                self._note(error, *self.under_way, self.around.clock())
            raise error
        except FetchError as error:
            error.tell(tuple(self.tried), self.around.clock() - self.began)
            raise

    async def _run(self) -> Result:
        try:
            async with self.sink:
                if self.sink.found is not None:
                    return self._found(self.sink.found)
                self.resumed_from, self.farthest = self.sink.held.length, self.sink.held.total
                return await self._attempts()
        finally:
            if self.begun is not None:  # it did not come to an attempt
                self.begun.opening.close()
                self.around.gates.leave(self.fetch.url.origin)

    async def _attempts(self) -> Result:
        if self.around.settings.offline:
            self.sources = tuple(source for source in self.sources if source.scheme == "file")
            if not self.sources:
                raise Offline("no source is on this machine", url=self.fetch.url)
        if len(self.sources) > 1:
            self.sources = self.around.hosts.order(self.sources, self.sink.held, provable=self.provable)
        queue: Attempts | None = None  # most fetches never need one
        step: Step | None = FIRST
        while True:
            assert step is not None
            if step.pause > 0:
                await self._pause(step.pause)
            source = self.sources[step.source]
            started = self.around.clock() if self.begun is None else self.began
            try:
                return await self._attempt(source, started)
            except FetchError as error:
                self.under_way = None
                queue = queue or self._queue()
                step = self._after(error, queue, step, source, started)
                if step is None:
                    raise
                self._observe_retry(error, step)

    async def _pause(self, seconds: float) -> None:
        """Wait, without a place at the gate; who carries us out may use the time for others."""
        rest = self.rest
        if rest is None:
            await anyio.sleep(seconds)
            return
        rest(begins=True)
        try:
            await anyio.sleep(seconds)
        finally:
            rest(begins=False)

    def _queue(self) -> Attempts:
        return Attempts(len(self.sources), self.around.settings.retry, random.random)

    def _after(self, error: FetchError, queue: Attempts, step: Step, source: Url, started: float) -> Step | None:
        """Note what happened, and decide what to do about it."""
        now = self.around.clock()
        if isinstance(error, Cooling):
            return self._left_alone(error, queue, step, now)
        self.around.hosts.failed(source, error, started)
        if isinstance(error, DigestMismatch) and not error.chain:
            error.chain = self.chain  # found when the body is over, and the exchange with it
        self._note(error, source, started, now)
        flow, self.flow = self.flow, None
        retry_after = error.retry_after if isinstance(error, Busy) else None
        # a source that was refused before it gave a byte says nothing against those of another that we hold
        if flow is not None and isinstance(error, DigestMismatch | SizeMismatch | ProtocolViolation):
            was_resumed, self.resumed = self.resumed, False
            self.alone = True
            self.sink.spoil()
            self.farthest = 0
            # some of it may have been salvaged: then the same source may do better with the rest
            if (was_resumed or self.sink.held.length) and (again := queue.afresh(step.source)) is not None:
                return again
        here = self.sink.held.total
        progressed = here > self.farthest
        self.farthest = max(self.farthest, here)
        return queue.failed(step.source, error.verdict, now, progressed=progressed, retry_after=retry_after)

    def _note(self, error: FetchError, source: Url, started: float, now: float) -> None:
        received = 0 if self.flow is None else self.flow.received
        reason = f"{type(error).__name__}: {error.reason}"
        self.tried.append(Attempt(str(source), started - self.began, now - started, received, reason))
        if log.isEnabledFor(logging.DEBUG):
            log.debug(_FAILED, len(self.tried), source, received, now - started, reason)

    def _left_alone(self, error: Cooling, queue: Attempts, step: Step, now: float) -> Step | None:
        """Nothing was asked of a host in its cool-down: come back; a host that never answers costs tries even so."""
        if error.pauses < self.around.settings.retry.attempts:
            return queue.postpone(step.source, now, error.until)
        error.url = error.url or str(self.sources[step.source])
        error.reason = f"its host asked for a pause {error.pauses} times in a row, and answered nothing in between"
        return queue.failed(step.source, Verdict.RETRY, now, retry_after=error.retry_after)

    async def _attempt(self, source: Url, started: float) -> Result:
        around = self.around
        transport = around.lent.get(source.scheme) or await around.build(source)
        if self.begun is None:
            await around.gates.enter(source.origin)
        entered = True
        self.under_way = source, started
        try:
            self.timings = Timings(queued=0.0 if self.begun else around.clock() - started)
            unchanged = await self._exchange(transport, source)
            around.hosts.went_well(source, 0 if self.flow is None else self.flow.received, self.timings.body)
            around.gates.leave(source.origin)
            entered = False
            result = unchanged or await self._commit(source)
            if log.isEnabledFor(logging.DEBUG):
                received = 0 if self.flow is None else self.flow.received
                log.debug(_LINE, len(self.tried) + 1, source, received, around.clock() - started)
            return result
        finally:
            if entered:
                around.gates.leave(source.origin)

    async def _exchange(self, transport: Transport, source: Url) -> Result | None:
        """Ask, and move the body into the sink; a Result when the source says unchanged."""
        offset, matching = 0, None
        if self.begun is None:
            offset, matching = resume.ask(self.sink.held, str(source), provable=self.provable)
        while True:
            request = Request(
                source,
                offset,
                matching=matching,
                unless=self._unless(source) if offset == 0 else None,
                headers=self.fetch.headers,
                insecure_redirect=self.provable,
                ready=self.around.gates.ready,
            )
            begun, self.begun = self.begun, None
            try:
                async with transport.open(request) if begun is None else begun.opening as body:
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
        declared = self._declared(body, source, kept) if body.digests or self.declared else ()
        validator = self._validator(body, source, kept)
        await self.sink.begin(validator, size, offset=kept, digests=declared)
        self.resumed = kept > 0
        self.resumed_from = min(self.resumed_from, kept)
        self.chain, self.validator, self.declared = body.chain, validator, declared
        flow: Flow | Pieces
        if size is not None and size > split.LEAST and (pieces := self._pieces(body, source, size)) is not None:
            flow = self.flow = pieces
        else:
            flow = self.flow = Flow(body, kept, size if size is not None else wanted)
        if self.around.observer is not None:
            self.around.observer(Started(self.fetch, source, size, kept))
        before = self.around.clock()
        try:
            if isinstance(flow, Flow):
                await carry(flow, self.sink, Watch(flow, self.fetch, source, self.around), self.around)
            else:
                await flow.run(body)
        finally:
            self.resumed = self.resumed or (isinstance(flow, Pieces) and flow.several)
            self.transferred += flow.received
            timings = body.timings
            self.timings.connect, self.timings.tls = timings.connect, timings.tls
            self.timings.first_byte, self.timings.body = timings.first_byte, self.around.clock() - before
        if wanted is not None and flow.done != wanted:
            raise SizeMismatch(f"it has {flow.done} bytes, {wanted} were expected", url=source)

    def _pieces(self, body: Body, source: Url, size: int) -> Pieces | None:
        """Give what brings a large body over several connections; None where it comes over one."""
        if body.descriptor is not None or self.sink.path is None or (self.alone and not self.sink.held.islands):
            return None
        assert self.validator is not None
        most = 1 if self.alone else self.around.settings.limits.connections_per_file
        return Pieces(self.fetch, self.sink, self.around, source=source, size=size, validator=self.validator, most=most)

    def _declared(self, body: Body, source: Url, kept: int) -> tuple[Digest, ...]:
        """Give the digests that the source declares of the whole; those it gave with a front that we keep still hold.

        Raises DigestMismatch before a byte has come when they are not the ones asked for.
        """
        for digest in body.digests:
            for asked in self.fetch.digests:
                if asked.value and asked.algorithm == digest.algorithm and asked != digest:
                    raise DigestMismatch(f"it declares {digest}, {asked} was expected", url=source)
        if body.digests or not kept or self.validator is None or self.validator.source != str(source):
            return body.digests
        return self.declared

    def _validator(self, body: Body, source: Url, kept: int) -> Validator:
        held = self.sink.held.validator
        validator = body.validator or (held if kept else None) or Validator(str(source), size=body.size)
        if kept and (held is None or held.source != str(source) or not held.strong):
            # the front came from elsewhere: only a digest can prove the whole
            return replace(validator, strong=False)
        return validator

    async def _commit(self, source: Url) -> Result:
        before = self.around.clock()
        try:
            computed = await self.sink.commit()
        except DigestMismatch as error:
            error.url = str(source)  # the sink knows the wish only
            raise
        now = self.around.clock()
        self.timings.commit = now - before
        self.timings.write, self.timings.hash = self.sink.spent
        assert self.flow is not None
        return self._result(
            source,
            self.flow.done,
            now,
            digest=self._reported(computed),
            validator=self.validator,
            resumed_from=self.resumed_from,
            transferred=self.transferred,
            content=self.sink.content,
            chain=self.chain,
        )

    def _reported(self, computed: tuple[Digest, ...]) -> Digest | None:
        """Give the digest asked for first, else the first that the source declared, unless it is a mere checksum."""
        for digest in (*self.fetch.digests, *self.declared):
            for found in computed:
                if found.algorithm == digest.algorithm != CHECKSUM:
                    return found
        return None

    def _found(self, size: int) -> Result:
        digest = self._reported(self.sink.found_digests)
        return self._result(self.fetch.url, size, self.around.clock(), digest=digest, attempts=0)

    def _unchanged(self, body: Body) -> Result:
        unless = self.fetch.unless
        return self._result(
            body.url,
            0 if unless is None else unless.size or 0,
            self.around.clock(),
            validator=body.validator or unless,
            unchanged=True,
            chain=body.chain,
        )

    def _result(self, source: Url, size: int, now: float, *, attempts: int | None = None, **more: Any) -> Result:
        attempts = len(self.tried) + 1 if attempts is None else attempts
        elapsed = now - self.began
        return Result(
            self.fetch, self.sink.path, source, size, attempts=attempts, elapsed=elapsed, timings=self.timings, **more
        )

    def _observe_retry(self, error: FetchError, step: Step) -> None:
        if self.around.observer is not None:
            self.around.observer(Retrying(self.fetch, error, self.sources[step.source], step.pause))
