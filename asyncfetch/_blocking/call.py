"""One call from a thread to the event loop: its way there, and the way back of what it gives or raises."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio

from .._model.errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from anyio.abc import TaskGroup

    from .thread import LoopThread

T = TypeVar("T")

GRACE = 0.08  # seconds an interrupted call may take to end, and then the thread: a person waits
LEAVING = 5.0  # seconds for one that is left in good order; what is not over then ends with the client
# Windows does not interrupt a wait for a lock: there it is made of short ones
_SLICE = 0.05 if sys.platform == "win32" else -1


class Bell:
    """Wakes one waiting thread; rings that come before it waits are not lost, and count once."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """Wake the waiter; from one thread only, the loop's."""
        if self._lock.locked():
            self._lock.release()

    def wait(self) -> None:
        """Wait for a ring. In the main thread a signal handler may raise here."""
        while not self._lock.acquire(timeout=_SLICE):
            pass

    def wait_at_most(self, seconds: float) -> None:
        """Wait for a ring, but not for ever."""
        self._lock.acquire(timeout=seconds)


class Call(Generic[T]):
    """One coroutine function on its way there and back."""

    __slots__ = ("_bell", "_ended", "_error", "_scope", "_thread", "_value", "_work")

    def __init__(self, thread: LoopThread, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._thread = thread
        self._work = work
        self._bell = Bell()
        self._scope: anyio.CancelScope | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._value: T | None = None

    # --- in the caller's thread

    def start(self) -> None:
        """Begin. Raises MistakeError when the loop is gone, or is the caller's own."""
        try:
            self._thread.begin(self)
        except MistakeError:
            self._ended = True  # there is nothing to cancel
            raise

    def result(self) -> T:
        """Wait for the end; an exception raised by a signal handler meanwhile ends the call."""
        try:
            self._thread.wait(self._bell)
        except BaseException:
            self.end()
            raise
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        return self._value  # type: ignore[return-value]  # it ended without an error, so this is its value

    def end(self, patience: float = GRACE) -> None:
        """Cancel it, and give it so many seconds to come to its end."""
        if self._ended or self._thread.gone:
            return
        self._thread.soon(self._cancel)
        if not self._thread.here:  # a generator that is collected over there
            self._bell.wait_at_most(patience)

    # --- on the loop

    def begin(self, tasks: TaskGroup) -> None:
        """Start the task."""
        if self._ended:
            return
        if self._thread.over:  # it came after the end of the calls
            self._finish(MistakeError(self._thread.over))
        else:
            tasks.start_soon(self._run)

    def _cancel(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
        elif not self._ended:
            self._finish(None)

    async def _run(self) -> None:
        if self._ended:
            return
        error: BaseException | None = MistakeError("the client was closed meanwhile")
        with anyio.CancelScope() as self._scope:
            try:
                self._value = await self._work()
                error = None
            except Exception as trouble:  # noqa: BLE001 - it is the caller's: raised there
                error = trouble
            finally:
                self._finish(error)

    def _finish(self, error: BaseException | None) -> None:
        self._error = error
        self._ended = True
        self._bell.ring()


class Handover(Generic[T]):
    """A value that was opened over there, and the signal that it may be closed."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.left: asyncio.Event | None = None
        self.value: T

    def give(self, value: T) -> asyncio.Event:
        """Hand it over; on the loop. Gives what is set when it may be closed."""
        self.value = value
        self.left = asyncio.Event()
        self.bell.ring()
        return self.left

    def leave(self) -> None:
        """Say that it may be closed; on the loop."""
        assert self.left is not None
        self.left.set()
