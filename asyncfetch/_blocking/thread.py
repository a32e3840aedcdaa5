"""An event loop in a thread of its own, with one async object on it that lives as long as the thread.

It is what anyio calls a blocking portal, with what ours has to promise on top: a call costs one hop there and one back
(anyio's portal takes two each way), and an interrupted wait (Ctrl-C) ends the work over there. Rules:

* The object is entered and left by one task; calls are tasks of their own, which end before it is left.
* Who waits blocks on a plain lock, which a signal handler of the main thread can interrupt. Then the call is
  cancelled, and gets `call.GRACE` seconds to come to its end before the exception goes on.
* The thread is a daemon and is ended at exit: a program that forgot to close it ends all the same. In a forked child
  there is no thread: whoever asks it there is told so.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from .._model.errors import MistakeError
from .call import Call, Handover

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import TaskGroup

    from .call import Bell

T = TypeVar("T")

_WORKERS = 0.5  # seconds for anyio's idle workers, which end as soon as they are told to
_AT_EXIT = 2.0  # seconds the exit of the interpreter waits for a thread whose disk or network does not let go

_running: set[LoopThread] = set()


class LoopThread:
    """Runs an event loop, and ``guest`` as a context manager on it, from ``start`` to ``close``."""

    def __init__(self, guest: AbstractAsyncContextManager[object], name: str) -> None:
        self._guest = guest
        self._name = name
        self._thread: threading.Thread | None = None
        self._ident: int | None = None
        self._ready = threading.Event()
        self._trouble: BaseException | None = None
        self._over = ""  # why nothing can be called any more
        self._gone = False  # the thread was left behind in another process
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._tasks: TaskGroup
        self._context: contextvars.Context

    # --- life

    def start(self) -> None:
        """Start it, and come back when the guest is entered. Raises what entering it raises."""
        # an empty context: what the caller's event loop keeps in its own (trio does) is not true here
        target = contextvars.Context().run
        self._thread = threading.Thread(target=target, args=(self._run,), name=self._name, daemon=True)
        _running.add(self)
        self._thread.start()
        try:
            self._ready.wait()
        except BaseException:
            self.stop()
            raise
        if self._trouble is not None:
            self._thread.join()
            raise self._trouble

    def stop(self) -> None:
        """Begin to end it: calls under way are cancelled. From any thread."""
        if not self._over:
            self._over = "the client was closed"
            with contextlib.suppress(RuntimeError):  # the loop has just ended by itself
                if self._ready.is_set():
                    self._loop.call_soon_threadsafe(self._stop.set)

    def close(self, patience: float | None = None) -> None:
        """End it and wait until the thread is gone, or so many seconds. Raises what leaving the guest raised."""
        self.stop()
        if self._thread is not None and not self._gone and not self.here:
            self._thread.join(patience)
            trouble, self._trouble = self._trouble, None
            if trouble is not None:
                raise trouble

    def forget(self) -> None:
        """Know that this process was forked: the thread does not exist in it."""
        self._over = "it belongs to the process from which this one was forked"
        self._gone = True

    def _run(self) -> None:
        self._ident = threading.get_ident()
        try:
            anyio.run(self._main, backend="asyncio")
        except BaseException as error:  # noqa: BLE001 - raised by start, where somebody waits
            self._trouble = error
        finally:
            self._over = self._over or "its event loop ended"
            self._join_workers()
            _running.discard(self)
            self._ready.set()

    def _join_workers(self) -> None:
        """Wait for the worker threads of the loop: anyio tells them to end, and looks no further."""
        for thread in threading.enumerate():
            if self._ready.is_set() and getattr(thread, "loop", None) is self._loop:
                thread.join(_WORKERS)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._guest, anyio.create_task_group() as self._tasks:
            self._context = contextvars.copy_context()
            self._ready.set()
            if self._over:  # stopped before it was there
                self._stop.set()
            await self._stop.wait()
            self._tasks.cancel_scope.cancel()

    # --- calls

    @property
    def here(self) -> bool:
        """Whether the caller is on the loop itself: it must not wait for it."""
        return self._ident == threading.get_ident()

    def call(self, work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any, **named: Any) -> T:
        """Run a coroutine function on the loop and wait for what it gives or raises."""
        call = Call(self, lambda: work(*arguments, **named))
        try:
            call.start()
            return call.result()
        except BaseException:  # a signal may strike between the two, and the work must not go on without us
            call.end()
            raise

    @contextlib.contextmanager
    def entered(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> Generator[T]:
        """Enter an async context manager over there, in a task that leaves it when the block is over."""
        opened = Handover[T]()

        async def hold() -> None:
            try:
                async with make() as value:
                    left = opened.give(value)
                    await left.wait()
            finally:
                opened.bell.ring()

        call = Call(self, hold)
        try:
            call.start()
            self.wait(opened.bell)
        except BaseException:
            call.end()
            raise
        if opened.left is None:  # it was not entered
            call.result()
        try:
            yield opened.value
        finally:
            self.soon(opened.leave)
            try:
                if not self.here:  # a body that is collected over there
                    call.result()
            except MistakeError:
                if not self._over:  # else it was closed along with the client
                    raise

    def soon(self, work: Callable[[], object]) -> None:
        """Have something short done on the loop; does nothing when the loop is gone."""
        if not self._gone:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(work, context=self._context)

    def wait(self, bell: Bell) -> None:
        """Wait for a ring from over there."""
        if self._gone:
            raise MistakeError(f"{self._over}; make a new one")
        bell.wait()

    def begin(self, call: Call[Any]) -> None:
        """Start the task of a call; for Call."""
        if self._over:
            raise MistakeError(f"{self._over}; make a new one")
        if self.here:
            raise MistakeError("called on the client's own event loop (from an observer?), which it would wait for")
        try:
            self._loop.call_soon_threadsafe(call.begin, self._tasks, context=self._context)
        except RuntimeError as error:
            raise MistakeError("the client was closed; make a new one") from error

    @property
    def gone(self) -> bool:
        """Whether this is a forked child, where the thread does not exist."""
        return self._gone

    @property
    def over(self) -> str:
        """Why nothing can be called any more; empty as long as it can."""
        return self._over


def _end_all() -> None:
    running = list(_running)
    for thread in running:
        thread.stop()
    for thread in running:
        with contextlib.suppress(Exception):  # nobody is left to hear of it
            thread.close(_AT_EXIT)


def _forget_all() -> None:
    for thread in _running:
        thread.forget()
    _running.clear()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
