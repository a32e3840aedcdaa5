"""The near end on disk: whole or not at all.

Rules: everything here runs on the loop; what the threads do is in `writing`. The last chunk taken waits for the next
one or for the commit, so that a small body is one job: begin note-less, write, hash, rename. A large one may come in
pieces, each through a strand of its own. What a thread found wrong is raised by the next call.
"""

from __future__ import annotations

import errno
import os
from functools import partial
from typing import TYPE_CHECKING

import anyio

from .._disk.buffers import SMALL, Owner
from .._disk.errors import local_error
from .._model.errors import DigestMismatch, FetchError, NoSpace
from .._model.exchange import NOTHING, Held, Validator
from .claim import Claim
from .hashing import Hashing, algorithms, check
from .strand import Scatter, Strand
from .writing import Writing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self, TypeVar

    from .._disk.buffers import Buffer
    from .._disk.disk import Disk
    from .._disk.part import Part
    from .._disk.threads import Worker
    from .._model.digest import Digest
    from .._model.fetch import Fetch
    from .._policy.coverage import Span
    from .writing import Plan

    T = TypeVar("T")

_CHECKED_SPACE = 1024 * 1024  # bytes; for less, the write itself is the check
_CLOSING = 10.0  # seconds that leaving waits for a disk which no longer answers


class FileSink:
    """Writes one body to ``path`` by way of its part. ``found`` is its size when the right file is there already."""

    def __init__(
        self,
        disk: Disk,
        path: str,
        fetch: Fetch,
        *,
        durable: bool,
        absent: bool = False,
        links: bool = False,
        descriptor: int = -1,
    ) -> None:
        self._disk = disk
        self.path = path
        self.content: None = None
        self._fetch = fetch
        self._links = links
        self._asked = fetch.digests
        self._open = False
        self._owner = Owner()
        self._lent: Buffer | None = None
        self._tail: tuple[Buffer, int] | None = None
        self._plan: Plan | None = None  # a begin that no thread has carried out yet
        self._validator: Validator | None = None
        self._taken = 0
        self._islands: Sequence[Span] = ()  # what is held beyond
        self._scatter: Scatter | None = None  # of a body that comes in pieces
        self._spoiled = False
        self._salvaged = False  # what is held was looked through after a digest did not hold
        self._queued = False  # jobs of ours went to the writer unawaited: nothing may overtake them
        self._digests: tuple[Digest, ...] = ()
        self._hashed = 0  # where the next byte that is to be hashed is
        hasher = disk.hasher() if fetch.digest is not None else disk.writer
        self._claim = Claim(disk, path, fetch, hasher, durable=durable, absent=absent, descriptor=descriptor)
        self._writing = Writing(disk, self._claim.part, hasher, path, fetch.url)

    # --- entering and leaving

    async def __aenter__(self) -> Self:
        try:
            try:
                await self._claim.stake()
            finally:
                self._writing.part = self._claim.part  # another one, if a lock hung
        except BaseException as error:
            await self._release(self._disk.opener, keep=True)
            if isinstance(error, OSError) and not isinstance(error, FetchError):
                raise local_error(error, self.path, self._fetch.url) from error
            raise
        if self._claim.found is None:
            held = self._part.held
            self._taken, self._validator, self._islands = held.length, held.validator, held.islands
            self._open = True
        elif self._part.is_open:  # what it holds is of no use to anybody beside the right file
            await self._release(self._disk.opener, keep=False)
        return self

    @property
    def found(self) -> int | None:
        """The size of the destination if it is right already."""
        return self._claim.found

    @property
    def found_digests(self) -> tuple[Digest, ...]:
        """The digests of the destination if it is right already."""
        return self._claim.found_digests

    async def __aexit__(self, *exc_info: object) -> None:
        if self._lent is not None:
            self.take(0)
        if not self._open:
            return
        self._open = False
        if self._tail is not None:
            if not self._spoiled:
                self._queue_tail()
            else:
                self._drop_tail()
        await self._release(self._disk.writer, keep=not self._spoiled)

    async def _release(self, worker: Worker, *, keep: bool) -> None:
        with anyio.move_on_after(_CLOSING, shield=True):
            try:
                await worker.run(lambda: self._part.close(keep=keep))
            except OSError as error:
                if self._writing.failure is None:
                    self._writing.failure = error

    # --- what the pump sees

    @property
    def held(self) -> Held:
        """What is here already and good as far as we know."""
        if not self._taken or self._spoiled:
            return NOTHING
        return Held(self._taken, self._validator, tuple(self._islands) if self._islands else ())

    async def begin(self, validator: Validator, size: int | None, *, offset: int, digests: tuple[Digest, ...]) -> None:
        """Keep ``offset`` bytes, and the islands if those are all; drop the rest. Raises NoSpace when it cannot fit."""
        self._writing.raise_failure()
        if self._lent is not None:
            self.take(0)
        if self._tail is not None:
            if offset == 0:
                self._drop_tail()
            else:
                self._queue_tail()
        if self._islands and (offset == 0 or offset != self._taken or size is None):
            self._islands = ()
        self._scatter = None
        self._plan = (validator, size, offset, self._islands)
        self._taken, self._validator, self._spoiled = offset, validator, False
        self._digests = (*self._asked, *digests) if digests else self._asked
        self._begin_hashing(offset)
        left = 0 if size is None else size - offset
        if left > _CHECKED_SPACE and not await self._writing.run(lambda: self._part.space_for(left, offset)):
            raise NoSpace(
                f"{left} more bytes are needed, and fewer are free",
                errno=errno.ENOSPC,
                filename=self.path,
                url=self._fetch.url,
                hint="free some space, what arrived is kept",
            )

    def _begin_hashing(self, offset: int) -> None:
        writing, wanted = self._writing, algorithms(self._digests)
        if not wanted:
            writing.hashing = None
            return
        if writing.hashing is not None and writing.hashing.algorithms == wanted and self._hashed == offset:
            return
        if writing.hasher is self._disk.writer:  # the source declared a digest that nobody asked for
            writing.hasher = self._disk.hasher()
        hashing = writing.hashing = Hashing(self._digests)
        self._hashed = offset
        if offset:  # by way of the writer, which may still have some of it
            self._queued = True
            self._disk.writer.submit(partial(writing.read_back, hashing, offset))

    def lend(self, hint: int | None) -> memoryview | None:
        """Lend a buffer; None when all are on their way to the disk."""
        self._writing.raise_failure()
        buffer = self._disk.buffers.lend(self._owner, hint)
        self._lent = buffer
        return None if buffer is None else buffer.view

    async def room(self) -> None:
        """Wait until a buffer has come back."""
        if self._tail is not None:
            self._queue_tail()
        await self._disk.buffers.wait(self._owner)

    def take(self, count: int) -> None:
        """Take the buffer back; the chunk before it goes to the writer."""
        buffer, self._lent = self._lent, None
        assert buffer is not None
        if count == 0:
            self._disk.buffers.give_back(buffer)
            return
        if self._islands:
            self._drop_islands()
        if self._tail is not None:
            self._queue_tail()
        self._tail = (buffer, count)
        self._taken += count
        self._hashed += count

    def _drop_islands(self) -> None:
        """What comes in order, over one connection, comes as a whole: no thread has carried out the begin yet."""
        assert self._plan is not None
        validator, size, offset, _ = self._plan
        self._plan, self._islands = (validator, size, offset, ()), ()

    # --- what comes in pieces

    def strand(self, at: int) -> Strand:
        """Give an end for the bytes from ``at`` on, beside others; from here to the next begin all come by strands."""
        if self._scatter is None:
            self._queue_tail()
            self._scatter = Scatter(self._taken, self._islands, self._writing, self._disk.buffers)
        return Strand(self, self._scatter, at)

    def take_at(self, scatter: Scatter, buffer: Buffer, count: int, at: int) -> None:
        """Take a strand's buffer back: its bytes go to the writer at once."""
        if count == 0 or scatter is not self._scatter or not self._open:
            self._disk.buffers.give_back(buffer)
            return
        coverage = scatter.coverage
        coverage.add(at, at + count)
        self._taken = self._hashed = coverage.front  # the threads will have come so far when they are asked next
        self._islands = coverage.islands
        self._disk.writer.submit(partial(self._writing.write_at, scatter, buffer, count, at))

    def spoil(self) -> None:
        """What is here turned out wrong: it is not to be resumed, save for the pieces that are known to be right."""
        self._spoiled, self._salvaged = not self._salvaged, False

    async def absorb(self, descriptor: int, offset: int, size: int) -> int:
        """Have the kernel copy from an open file: all at once by reflink, else some; gives the number of bytes."""
        self._writing.raise_failure()
        if self._islands:
            self._drop_islands()
        self._queue_tail()
        # a duplicate, as the job outlives a cancelled body, and the number might be another file's by then
        try:
            source = os.dup(descriptor)
        except OSError as error:
            raise local_error(error, self.path, self._fetch.url) from error
        writing = self._writing
        count = await self._writing.run(partial(writing.copy, source, offset, size, links=self._links))
        if writing.hashing is not None and count:
            writing.hasher.submit(partial(writing.hash_file, writing.hashing, self._taken, count))
        self._taken += count
        self._hashed += count
        return count

    async def commit(self) -> tuple[Digest, ...]:
        """Verify the digests and put the file in its place."""
        self._writing.raise_failure()
        assert not self._islands  # they have become one with the front
        small = self._plan is not None and self._plan[2] == 0
        if not small:
            self._queue_tail()
        computed = await (self._finish_small() if small else self._finish_large())
        self._open = False
        return computed

    @property
    def spent(self) -> tuple[float, float]:
        """Seconds that writing and hashing took, in their threads."""
        hashing = self._writing.hashing
        return self._part.spent, 0.0 if hashing is None else hashing.spent

    async def flush(self) -> None:
        """Have everything taken so far written."""
        self._queue_tail()
        await self._writing.run(lambda: None)

    # --- inside

    async def _finish_small(self) -> tuple[Digest, ...]:
        disk, plan, tail = self._disk, self._plan, self._tail
        assert plan is not None
        self._plan = self._tail = None  # the job's now, so that leaving cannot take them from under it
        job = partial(self._writing.all_at_once, plan, tail, self._digests)
        if not self._queued and (tail is None or tail[1] <= SMALL):
            if not disk.is_quick(disk.writer):
                return await self._writing.guarded(disk.brief(disk.writer, job))
            try:
                return disk.now(job)
            except FetchError:
                raise
            except OSError as error:
                raise local_error(error, self.path, self._fetch.url) from error
        return await self._writing.run(job)

    async def _finish_large(self) -> tuple[Digest, ...]:
        writing = self._writing
        computed: tuple[Digest, ...] = ()
        if writing.hashing is not None:
            await self._writing.run(lambda: None)  # what was written has been handed on to the hasher
            computed = await writing.hasher.run(writing.hashing.digests)
            self._writing.raise_failure()
            try:
                check(self._digests, computed, self._fetch.url)
            except DigestMismatch:
                await self._salvage()
                raise
        await self._writing.run(writing.commit)
        return computed

    async def _salvage(self) -> None:
        """Keep the pieces that are right, where the wish has digests of pieces, and the first ones are."""
        right = await self._writing.salvage(self._asked, self._taken, self._validator)
        if right is not None:
            self._taken, self._islands, self._scatter = right.front, right.islands, None
            self._writing.hashing, self._hashed, self._salvaged = None, 0, True

    def _queue_tail(self) -> None:
        """Let the writer have the chunk that waited, and what was decided before it."""
        plan, self._plan = self._plan, None
        self._queued = True
        if plan is not None:
            self._disk.writer.submit(partial(self._writing.begin, *plan))
        if self._tail is not None:
            buffer, count = self._tail
            self._tail = None
            self._disk.writer.submit(partial(self._writing.write, buffer, count, self._writing.hashing))

    def _drop_tail(self) -> None:
        assert self._tail is not None
        buffer, _ = self._tail
        self._tail = None
        self._disk.buffers.give_back(buffer)

    @property
    def _part(self) -> Part:
        return self._writing.part
