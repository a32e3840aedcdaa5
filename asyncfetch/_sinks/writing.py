"""What the threads do for one sink: its bytes are written by the writer, in order, and hashed by a hasher behind it.

Rules: a job takes what it needs with it, and gives its buffer back whatever happens. What goes wrong is kept in
``failure``; no job writes behind it, and the sink raises it at its next call.
"""

from __future__ import annotations

import errno
import os
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from .._disk.buffers import SMALL
from .._disk.copy import copy_some, reflink
from .._disk.errors import local_error
from .._model.errors import FetchError
from .hashing import check
from .salvage import right_pieces

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import TypeVar

    from .._disk.buffers import Buffer
    from .._disk.disk import Disk
    from .._disk.part import Part
    from .._disk.threads import Worker
    from .._model.digest import Digest
    from .._model.exchange import Validator
    from .._model.url import Url
    from .._policy.coverage import Coverage, Span
    from .hashing import Hashing
    from .strand import Scatter

    T = TypeVar("T")
    Plan = tuple[Validator, int | None, int, Sequence[Span]]  # as of begin, and the islands to keep

_COPIED = 64 * 1024 * 1024  # bytes the kernel copies between two looks at the loop


class Writing:
    """The jobs of one sink. ``hashing`` is what its bytes are hashed with now, ``hasher`` the thread that does it."""

    __slots__ = ("_disk", "_path", "_url", "failure", "hasher", "hashing", "part")

    def __init__(self, disk: Disk, part: Part, hasher: Worker, path: str, url: Url) -> None:
        self._disk = disk
        self._path = path
        self._url = url
        self.part = part
        self.hasher = hasher
        self.hashing: Hashing | None = None
        self.failure: OSError | None = None

    # --- on the loop

    async def run(self, job: Callable[[], T]) -> T:
        """Have the writer do a job after all others, and wait for it. Raises LocalError, of those before it too."""
        return await self.guarded(self._disk.writer.run(job))

    async def guarded(self, job: Awaitable[T]) -> T:
        """Wait for a job. Raises LocalError for what it raises, and for what one before it found wrong."""
        try:
            value = await job
        except OSError as error:
            if isinstance(error, FetchError):
                raise
            raise local_error(error, self._path, self._url) from error
        self.raise_failure()
        return value

    async def salvage(self, digests: Sequence[Digest], size: int, validator: Validator | None) -> Coverage | None:
        """Have all but the right pieces of a bad body dropped, and tell which those are; None where none is kept."""
        if validator is None or not any(one.pieces for one in digests):
            return None
        look = partial(right_pieces, self.part.content_path, size, digests)
        right = await self.guarded(self.hasher.run(look))
        if right is None or not right.front:
            return None
        await self.run(partial(self.begin, validator, size, right.front, tuple(right.islands)))
        return right

    def raise_failure(self) -> None:
        """Raise LocalError if a job failed. It stays: nothing may be written behind a gap."""
        failure = self.failure
        if failure is not None:
            raise local_error(failure, self._path, self._url) from failure

    # --- in the threads

    def begin(self, validator: Validator, size: int | None, offset: int, islands: Sequence[Span]) -> None:
        """Keep what a later fetch may need, drop the rest."""
        if self.failure is None:
            try:
                self.part.begin(validator, size, offset, islands, noted=True)
            except OSError as error:
                self.failure = error

    def write(self, buffer: Buffer, count: int, hashing: Hashing | None) -> None:
        """Write a chunk behind the last one, and have it hashed."""
        if self.failure is None:
            try:
                self.part.write(buffer.view[:count])
            except OSError as error:
                self.failure = error
        if hashing is not None and self.failure is None:
            self.hasher.submit(partial(self._hash, buffer, count, hashing))
        else:
            self._give_back(buffer)

    def write_at(self, scatter: Scatter, buffer: Buffer, count: int, at: int) -> None:
        """Write a strand's chunk where it belongs; whatever follows what is hashed already is hashed."""
        if self.failure is None:
            try:
                self.part.write_at(buffer.view[:count], at)
            except OSError as error:
                self.failure = error
        hashing = scatter.hashing
        if hashing is None or self.failure is not None:
            self._give_back(buffer)
            return
        if at == scatter.hashed:
            scatter.hashed += count
            self.hasher.submit(partial(self._hash, buffer, count, hashing))
        else:
            self._give_back(buffer)
        early = self.part.position - scatter.hashed
        if early > 0:
            self.hasher.submit(partial(self.hash_file, hashing, scatter.hashed, early))
            scatter.hashed += early

    def read_back(self, hashing: Hashing, count: int) -> None:
        """Have what an earlier fetch left hashed, once."""
        self.hasher.submit(partial(self.hash_file, hashing, 0, count))

    def hash_file(self, hashing: Hashing, offset: int, count: int) -> None:
        """Hash what lies on the disk."""
        try:
            if hashing.read(self.part.content_path, count, offset=offset) != count:
                raise OSError(errno.EIO, "the part became shorter while it was read", self.part.path)
        except OSError as error:
            if hashing is self.hashing:  # else a later begin has dropped these bytes
                self.failure = error

    def copy(self, source: int, offset: int, size: int, *, links: bool) -> int:
        """Have the kernel copy from an open file, which is closed then; gives the number of bytes."""
        part = self.part
        began = perf_counter()
        try:
            if self.failure is not None:  # of the begin before, so that the file may stand anywhere
                raise self.failure
            target = part.fileno()
            if offset == 0 and reflink(source, target):
                count = size
                part.seek(size)
            elif offset == 0 and links and os.fstat(source).st_size == size:
                part.link(source)
                return size
            else:
                count = copy_some(source, target, min(size - offset, _COPIED))
            part.absorbed(count)
        finally:
            os.close(source)
            part.spent += perf_counter() - began
        return count

    def all_at_once(
        self, plan: Plan, tail: tuple[Buffer, int] | None, digests: tuple[Digest, ...]
    ) -> tuple[Digest, ...]:
        """Begin, write, hash, verify and rename in one job: the body is one chunk at most. Raises DigestMismatch."""
        validator, size, offset, _ = plan
        part, hashing = self.part, self.hashing
        computed: tuple[Digest, ...] = ()
        try:
            # a small body that fails is fetched again; what fits of a larger one on a disk that fills up is kept
            part.begin(validator, size, offset, noted=tail is not None and tail[1] > SMALL)
            if tail is not None:
                view = tail[0].view[: tail[1]]
                part.write(view)
                if hashing is not None:
                    hashing.update(view)
        finally:
            if tail is not None:
                self._give_back(tail[0])
        if hashing is not None:
            computed = hashing.digests()
            check(digests, computed, self._url)
        part.commit()
        return computed

    def commit(self) -> None:
        """Put the file in its place, unless a job before this failed of which nobody has heard yet."""
        if self.failure is not None:
            raise self.failure
        self.part.commit()

    def _hash(self, buffer: Buffer, count: int, hashing: Hashing) -> None:
        hashing.update(buffer.view[:count])
        self._give_back(buffer)

    def _give_back(self, buffer: Buffer) -> None:
        if self._disk.buffers.give_back(buffer):
            self._disk.mailbox.post(self._disk.buffers.wake)
