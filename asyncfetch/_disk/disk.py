"""Disk: the threads and buffers of one client, started when first needed, ended with it.

One thread opens and locks (a lock that hangs must not stop the writing), one writes, a few hash. Measured for 1 GiB
with sha256: one thread for everything 1.36 s, ring -> writer -> hasher 0.93 s, the hash alone 0.82 s.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import anyio

from .buffers import LARGE, Buffers
from .threads import Mailbox, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

BOUND = 8 * LARGE  # bytes in buffers: what a reader gains on a writer within one slow write
_HASHERS = 4
_QUICK, _SLOW, _REST = 0.005, 0.02, 0.25  # seconds: trusted below, not above, for so long
_PATIENCE = 10.0  # seconds that closing waits for a disk which no longer answers


class Disk:
    """What file sinks share."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.buffers = Buffers(BOUND)
        self.opener = Worker("asyncfetch-open", self.mailbox)
        self.writer = Worker("asyncfetch-write", self.mailbox)
        count = max(1, min(_HASHERS, os.cpu_count() or 1))
        self._hashers = [Worker(f"asyncfetch-hash-{number}", self.mailbox) for number in range(count)]
        self.near: set[str] = set()  # folders on disks of this machine, where no lock hangs
        self.locks_hang = False
        self._turn = 0
        self._quick_from = inf  # when jobs may run on the loop: not before one was seen to be quick

    def hasher(self) -> Worker:
        """Give the hasher whose turn it is; a file stays with its own."""
        self._turn = (self._turn + 1) % len(self._hashers)
        return self._hashers[self._turn]

    async def brief(self, worker: Worker, job: Callable[[], T]) -> T:
        """Run a job that takes microseconds on a disk that is well: here and now if it is, else on the worker.

        The file work of a 20 KiB body takes 60 us; handing it to a thread and waiting for the answer costs 130 us more,
        most of it spent passing the interpreter lock to and fro. So a disk is tried on the thread first, trusted while
        it is quick, and sent back to the thread for a while by one job over 20 ms.
        """
        if self.is_quick(worker):
            return self.now(job)
        return await self.aside(worker, job)

    async def aside(self, worker: Worker, job: Callable[[], T]) -> T:
        """Run a brief job on the worker, and learn from it how quick the disk is."""
        try:
            return await worker.run(job)
        finally:
            if self._quick_from == inf and 0 < worker.took < _QUICK:  # 0: it did not end
                self._quick_from = 0.0

    def is_quick(self, worker: Worker) -> bool:
        """Whether a brief job may run here and now: `now` does so without a coroutine of its own."""
        return worker.idle and perf_counter() >= self._quick_from

    def now(self, job: Callable[[], T]) -> T:
        """Run a brief job here and now."""
        before = perf_counter()
        try:
            return job()
        finally:
            self.heed(perf_counter() - before)

    def heed(self, seconds: float) -> None:
        """Hear how long a job took that ran on the loop."""
        if seconds > _SLOW:
            self._quick_from = perf_counter() + _REST

    def give_up_opener(self, leaving: Callable[[], object]) -> None:
        """Do without the thread that opens, as its lock hangs: another takes its place; then it does ``leaving``."""

        def leave() -> None:
            with contextlib.suppress(OSError):  # nobody is left to hear of it
                leaving()

        self.locks_hang = True
        self.opener.submit(leave)
        self.opener.close()
        self.opener = Worker("asyncfetch-open", self.mailbox)

    async def aclose(self) -> None:
        """End the threads once they have done what was asked of them."""
        for worker in (self.opener, self.writer, *self._hashers):
            ended = anyio.Event()
            if worker.started:
                worker.submit(partial(self.mailbox.post, ended.set))
                thread = worker.close()
                with anyio.move_on_after(_PATIENCE, shield=True):
                    await ended.wait()
                    if thread is not None:
                        thread.join()
