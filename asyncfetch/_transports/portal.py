"""Lets a transport that needs asyncio serve callers on trio: it runs on an asyncio loop in a thread of its own.

Rules: the caller's buffer is lent across, so that bytes still land where they are to be: one hop a fill (about 100 us),
no copy. Who is cancelled here waits until the work over there has ended, too, and with it the loan. An exchange is
entered and left by one task over there. The thread starts with the first call and ends with ``aclose``.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from .._model.exchange import Body, Entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from .._model.errors import FetchError
    from .._model.exchange import Request, Stat
    from .._model.ports import Transport
    from .._model.url import Url

    T = TypeVar("T")

BATCH = 200  # entries of a listing that cross at a time


class Portal:
    """A Transport for trio, over the one that ``make`` makes, which needs asyncio."""

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._transport: Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    # --- what a Transport does

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Body]:
        """Make one exchange over there."""
        exchange = _Exchange(self._there(), request)
        body = await self.call(exchange.enter)
        assert self._loop is not None
        try:
            yield _FarBody(self, self._loop, body)
        finally:
            with anyio.CancelScope(shield=True):  # over there, leaving is at once
                await self.call(exchange.leave)

    async def stat(self, request: Request) -> Stat:
        """Ask over there."""
        return await self.call(self._there().stat, request)

    async def list(self, url: Url) -> AsyncIterator[Entry]:
        """List over there, a batch at a time."""
        entries = self._there().list(url)
        try:
            while batch := await self.call(_some, entries):
                for entry in batch:
                    yield entry
        finally:
            with anyio.CancelScope(shield=True):
                await self.call(entries.aclose)  # type: ignore[attr-defined]  # ours are generators

    async def aclose(self) -> None:
        """Close the transport, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stop is None:
            return
        with anyio.CancelScope(shield=True):
            try:
                await self.call(self._there().aclose)
            finally:
                self._loop.call_soon_threadsafe(self._stop.set)
                await anyio.to_thread.run_sync(thread.join)

    # --- the way across

    async def call(self, work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Run a coroutine function over there, and give what it gives; on trio only."""
        import trio

        loop = self._running()
        token, done = trio.lowlevel.current_trio_token(), trio.Event()
        task: asyncio.Task[T] | None = None

        def finish(_: object) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        def begin() -> None:
            nonlocal task
            task = loop.create_task(work(*arguments))
            task.add_done_callback(finish)

        def end() -> None:
            assert task is not None
            task.cancel()

        # in a context of its own: ours says that this is trio
        loop.call_soon_threadsafe(begin, context=contextvars.Context())
        try:
            await done.wait()
        except trio.Cancelled:
            loop.call_soon_threadsafe(end)
            with trio.CancelScope(shield=True):
                await done.wait()
            raise
        assert task is not None
        return task.result()

    def _there(self) -> Transport:
        if self._transport is None:
            self._transport = self._make()
        return self._transport

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            ready = threading.Event()
            self._thread = threading.Thread(
                target=lambda: asyncio.run(self._main(ready)), name="asyncfetch-portal", daemon=True
            )
            self._thread.start()
            ready.wait()
        assert self._loop is not None
        return self._loop

    async def _main(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await self._stop.wait()


class _Exchange:
    """One exchange over there, from entering to leaving in one task."""

    def __init__(self, transport: Transport, request: Request) -> None:
        self._transport = transport
        self._request = request
        self._task: asyncio.Task[None] | None = None

    async def enter(self) -> Body:
        self._opened: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._left = asyncio.Event()
        self._task = asyncio.create_task(self._hold())
        try:
            return await self._opened
        except BaseException:
            self._task.cancel()
            with suppress(BaseException):
                await self._task
            raise

    async def leave(self) -> None:
        self._left.set()
        assert self._task is not None
        await self._task

    async def _hold(self) -> None:
        try:
            async with self._transport.open(self._request) as body:
                self._opened.set_result(body)
                await self._left.wait()
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)


class _FarBody(Body):
    """A body over there."""

    def __init__(self, portal: Portal, loop: asyncio.AbstractEventLoop, body: Body) -> None:
        self._portal, self._loop, self._body = portal, loop, body
        self.answer, self.offset, self.size, self.url = body.answer, body.offset, body.size, body.url
        self.validator, self.digests, self.content_type = body.validator, body.digests, body.content_type
        self.chain, self.timings, self.abortable = body.chain, body.timings, body.abortable

    async def fill(self, into: memoryview) -> int:
        """Have the next bytes put into the buffer."""
        return await self._portal.call(self._body.fill, into)

    def flush(self) -> None:
        """Pass it on."""
        self._loop.call_soon_threadsafe(self._body.flush)

    def abort(self, error: FetchError) -> bool:
        """Pass it on."""
        if self.abortable:
            self._loop.call_soon_threadsafe(self._body.abort, error)
        return self.abortable

    @property
    def landed(self) -> int:  # type: ignore[override]  # counted over there
        """Bytes in the buffer of the fill under way."""
        return self._body.landed

    @property
    def ended(self) -> bool:  # type: ignore[override]  # known over there
        """No byte follows."""
        return self._body.ended


async def _some(entries: AsyncIterator[Entry]) -> list[Entry]:
    batch = []
    async for entry in entries:
        batch.append(entry)
        if len(batch) == BATCH:
            break
    return batch
