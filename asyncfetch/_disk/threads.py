"""Worker threads that outlast single files, and the way back from them to the event loop.

A hop to a thread pool costs about 100 us, more than a whole small request; a long-lived thread fed by a SimpleQueue
and answering in batches costs a few. Rules: jobs of one worker run in order; a job never raises; what it has to say it
posts to the Mailbox, which wakes the loop once for as many posts as have gathered by then.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Generic, TypeVar

from .._signal import signal

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")


class Mailbox:
    """Carries calls from threads to the event loop it was made on (asyncio or trio)."""

    __slots__ = ("_called", "_calls", "_wake")

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()
        self._wake = _waker(self._deliver)
        self._called = False

    def post(self, call: Callable[[], None]) -> None:
        """Have ``call`` run on the loop soon; from any thread."""
        self._calls.append(call)
        # append before look here, unset before empty there: no call is left behind, at worst one wake-up is in vain
        if not self._called:
            self._called = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left who waits
                self._wake()

    def _deliver(self) -> None:
        self._called = False
        calls = self._calls
        while calls:
            calls.popleft()()


def _waker(call: Callable[[], None]) -> Callable[[], object]:
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        import trio

        token = trio.lowlevel.current_trio_token()
        return lambda: token.run_sync_soon(call)
    return lambda: loop.call_soon_threadsafe(call)


class Worker:
    """One thread that runs jobs in order; started by the first job, ended by ``close``."""

    __slots__ = ("_done", "_given", "_jobs", "_mailbox", "_name", "_thread", "took")

    def __init__(self, name: str, mailbox: Mailbox) -> None:
        self._name = name
        self._mailbox = mailbox
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._given = 0  # jobs, counted where they are submitted
        self._done = 0  # jobs, counted by the thread
        self.took = 0.0  # seconds that the last job waited for took

    @property
    def idle(self) -> bool:
        """Whether every job is done: what runs elsewhere now overtakes none."""
        return self._given == self._done

    @property
    def started(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def submit(self, job: Callable[[], None]) -> None:
        """Queue a job that takes care of its own errors."""
        if self._thread is None:
            # a daemon, so that a disk which never answers cannot keep the interpreter from ending
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._given += 1
        self._jobs.put(job)

    async def run(self, job: Callable[[], T]) -> T:
        """Run a job and wait for what it returns or raises. A cancelled wait leaves the job to end by itself."""
        call = _Call(job, self._mailbox)
        self.submit(call.run)
        try:
            return await call.outcome()
        finally:
            self.took = call.took

    def close(self) -> threading.Thread | None:
        """Let the thread end after the jobs queued so far; give it to be joined."""
        if self._thread is not None:
            self._jobs.put(None)
        return self._thread

    def _run(self) -> None:
        get = self._jobs.get
        while (job := get()) is not None:
            job()
            self._done += 1
            del job  # holds buffers that others wait for


class _Call(Generic[T]):
    """A job on its way there and back."""

    __slots__ = ("_done", "_error", "_job", "_mailbox", "_value", "took")

    def __init__(self, job: Callable[[], T], mailbox: Mailbox) -> None:
        self._job = job
        self._mailbox = mailbox
        self._done = signal()
        self._error: BaseException | None = None
        self._value: T | None = None
        self.took = 0.0

    def run(self) -> None:
        before = perf_counter()
        try:
            self._value = self._job()
        except BaseException as error:  # noqa: BLE001 - carried to the waiter, whatever it is
            self._error = error
        self.took = perf_counter() - before
        self._mailbox.post(self._done.set)

    async def outcome(self) -> T:
        await self._done.wait()
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        return self._value  # type: ignore[return-value] # the job has ended, so this is its value
