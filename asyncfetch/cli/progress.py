"""Bars: progress on a terminal or in a notebook, as an observer for any client. Needs rich (extra ``cli``).

>>> import asyncfetch
>>> from asyncfetch.cli.progress import Bars
>>> client = asyncfetch.Client(observer=Bars())

Rules: drawing happens in a thread of its own, a few times a second however many events come; a file that is done before
the first drawing is never drawn. Of thousands of files only those under way are shown, as many as fit, and a line for
all. Without a terminal there are no bars and no control characters: one plain line a file.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Literal, Self

import asyncfetch

from .output import shown
from .tally import Line, Tally, size_text

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console, RenderableType

    from asyncfetch._model.events import Event

REFRESH = 0.125  # seconds between drawings
IDLE = 0.5  # seconds after the last transfer until a display that began by itself ends
MOST = 10  # files shown at a time
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "left", "right", "right", "right")


class Bars:
    """An observer that draws bars with name, size, rate and time left, and a total line, to standard error.

    Use it as a context manager to bound the display, or just hand it to a client: then it begins with the first
    transfer and ends half a second after the last. ``total`` is the number of files to come, if known. ``console`` is a
    ``rich.console.Console`` of yours, ``tally`` what counts, if you want to read it. Raises ImportError without rich.
    """

    def __init__(
        self, *, total: int | None = None, file: TextIO | None = None, console: Console | None = None,
        tally: Tally | None = None,
    ) -> None:  # fmt: skip
        from rich.console import Console

        self.tally = tally or Tally()
        self.total = total
        self._console = console or Console(file=file or sys.stderr)
        self._drawn = drawable(self._console)
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._painter: threading.Thread | None = None
        self._stop = threading.Event()
        self._bounded = False

    def __enter__(self) -> Self:
        self._bounded = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, event: Event) -> None:
        """Take note of an event; call it from one thread at a time."""
        with self._lock:
            self.tally(event)
            if self._drawn and self._painter is None and isinstance(event, asyncfetch.Started):
                self._begin()
        if not self._drawn:
            self._plain(event)

    def close(self) -> None:
        """End the display; the terminal is as it was."""
        painter = self._painter
        self._stop.set()
        if painter is not None and painter is not threading.current_thread():
            painter.join()

    def say(self, text: str) -> None:
        """Write a line above the bars, with the next drawing: each line by itself would draw all of them again."""
        with self._lock:
            self._lines.append(text)
            if self._painter is not None:
                return
        self._print_lines()

    def _print_lines(self) -> None:
        from rich.text import Text

        with self._lock:
            lines, self._lines = self._lines, []
        if lines:
            self._console.print(Text("\n".join(lines)), soft_wrap=True)

    def _plain(self, event: Event) -> None:
        if isinstance(event, asyncfetch.Finished):
            self.say(f"{shown(event.result.path or str(event.result.source))}  {event.result.size}")
        elif isinstance(event, asyncfetch.Failed):
            self.say(shown(str(event.error)))

    def _begin(self) -> None:
        self._stop = threading.Event()
        self._painter = threading.Thread(target=self._paint, args=(self._stop,), name="asyncfetch bars", daemon=True)
        self._painter.start()

    def _paint(self, stop: threading.Event) -> None:
        from rich.live import Live

        live = Live(
            console=self._console, auto_refresh=False, transient=True, get_renderable=self._render,
            redirect_stdout=False, redirect_stderr=False, vertical_overflow="crop",
        )  # fmt: skip
        atexit.register(self.close)
        idle_since = None
        try:
            while not stop.wait(REFRESH):
                now = time.monotonic()
                with self._lock:
                    idle_since = None if self.tally.active or self._bounded else idle_since or now
                    if idle_since is not None and now - idle_since > IDLE:
                        break
                live.start()  # once; later calls do nothing
                self._print_lines()
                live.refresh()
        finally:
            live.stop()
            atexit.unregister(self.close)
            with self._lock:
                self._painter = None
            self._print_lines()

    def _render(self) -> RenderableType:
        from rich.table import Table

        now = time.monotonic()
        with self._lock:
            lines = list(self.tally.active.values())
            for line in lines:
                line.measure(now)
        table = Table.grid(padding=(0, 1), expand=False)
        for side in _SIDES:
            table.add_column(justify=side, no_wrap=True)
        width = self._console.width
        room = max(min(MOST, self._console.height - 3), 1)
        for line in lines[:room]:
            table.add_row(*_cells(line, width))
        table.add_row(*self._total_cells(lines, room))
        return table

    def _total_cells(self, lines: list[Line], room: int) -> list[Any]:
        done = self.tally.transferred + sum(line.arrived for line in lines)
        rate = sum(line.rate for line in lines)
        known = [line for line in lines if line.size is not None]
        files = f"{self.tally.files}" + (f" of {self.total}" if self.total else "")
        failed = f", {self.tally.failed} failed" if self.tally.failed else ""
        more = f", {len(lines) - room} more under way" if len(lines) > room else ""
        left = ""
        finished = self.tally.files + self.tally.failed
        if self.total is not None and len(known) == len(lines) and finished + len(lines) == self.total and rate:
            left = time_left(sum((line.size or 0) - line.done for line in lines), rate)
        return ["total", f"{files} done{failed}{more}", size_text(done), f"{size_text(rate)}/s", left]


def drawable(console: Console) -> bool:
    """Tell whether bars can be drawn: on a terminal that can move its cursor, or in a notebook with widgets."""
    if console.is_jupyter:
        from importlib.util import find_spec

        return find_spec("ipywidgets") is not None
    return console.is_terminal and not console.is_dumb_terminal


def time_left(remaining: float, rate: float) -> str:
    """Give the time that so many bytes take at this rate, as 0:07 or 1:02:03."""
    seconds = int(max(remaining, 0) / rate) if rate > 0 else 0
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours > 99:
        return "-"
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _cells(line: Line, width: int) -> list[Any]:
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    longest = max(width // 3, 8)
    name = shown(line.name)
    if len(name) > longest:
        name = f"{name[: longest // 2]}…{name[-(longest - longest // 2 - 1) :]}"
    bar = ProgressBar(total=line.size or None, completed=line.done, width=max(min(width // 4, 40), 6))
    amount = size_text(line.done) if line.size is None else f"{size_text(line.done)} of {size_text(line.size)}"
    left = time_left(line.size - line.done, line.rate) if line.size is not None and line.rate else ""
    return [Text(name), bar, amount, f"{size_text(line.rate)}/s", left]
