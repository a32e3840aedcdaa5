"""Interruption: SIGINT (Ctrl-C) and SIGTERM end a command at once, with one line and no traceback.

Rules: the first signal cancels the work, which then closes what it opened and keeps its parts. Whatever happens, a
process of our own is gone within GRACE: a thread that hangs in a name look-up or a dead disk cannot be cancelled, and
nothing is lost by leaving it, because a part is good at any moment. A second signal leaves at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

GRACE = 0.15  # seconds from the signal to the end of the process


class Interruption:
    """While entered, turns signals into cancellation; ``status`` is then 128 + the number of the signal.

    ``own_process``: nobody else lives in this process, so that it may be ended. ``last_words`` gives the line to leave
    behind.
    """

    def __init__(self, *, own_process: bool, last_words: Callable[[], str], grace: float | None = None) -> None:
        self.status: int | None = None
        self._own_process = own_process
        self._last_words = last_words
        self._words = ""  # taken when the signal comes: what is cancelled then counts no longer
        self._grace = GRACE if grace is None else grace
        self._cancel: Callable[[], object] | None = None
        self._before: dict[int, Any] = {}
        self._said = threading.Lock()
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:  # who started us under nohup or in the background wants it so
                    self._before[number] = before
                    signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is not None:
            self._say()
            if self._own_process:
                with contextlib.suppress(OSError, ValueError):
                    sys.stdout.flush()  # the timer still runs, should nobody read there
                self._leave()
        for number, before in self._before.items():
            signal.signal(number, before)

    async def shelter(self, work: Callable[[], Awaitable[int]]) -> int:
        """Run the work until it is done or a signal comes, and give its status."""
        import asyncio

        import anyio

        loop = asyncio.get_running_loop()
        with anyio.CancelScope() as scope:
            self._cancel = lambda: loop.call_soon_threadsafe(scope.cancel)
            if self.status is None:
                return await work()
        return self.status or 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        again = self.status is not None
        self.status = 128 + number
        if not again:
            self._words = self._last_words()
        if self._own_process:
            if again:
                self._leave()
            self._timer = threading.Timer(self._grace, self._too_late)
            self._timer.daemon = True
            self._timer.start()
        if self._cancel is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the work is done
                self._cancel()

    def _too_late(self) -> None:
        self._say()
        self._leave()

    def _say(self) -> None:
        if self._said.acquire(blocking=False):
            what = "terminated" if self.status == 128 + signal.SIGTERM else "interrupted"
            line = f"asyncfetch: {what}: {self._words}\n"
            if sys.stderr is not None and sys.stderr.isatty():
                line = "\r\x1b[K\x1b[?25h" + line  # bars hide the cursor
            with contextlib.suppress(OSError, ValueError):
                os.write(sys.stderr.fileno(), line.encode("utf-8", "backslashreplace"))

    def _leave(self) -> None:
        """End the process without waiting for threads, nor for locks that they may hold."""
        os._exit(self.status or 1)
