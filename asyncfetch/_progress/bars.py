"""Bars: an observer that draws, on a terminal or in a notebook. Needs rich (extra ``cli``).

Rules: drawing happens in a thread of its own, a few times a second however many events come; a file that is done before
the first drawing is never drawn. Of thousands of files only those under way are shown, as many as fit, and a line for
all. Where nothing can be drawn there are no bars and no control characters: one plain line a file.
"""

from __future__ import annotations

import atexit
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from .._model.events import Failed, Finished, Started
from .tally import Tally
from .text import shown

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console
    from rich.table import Table

    from .._model.events import Event
    from .surfaces import Surface

REFRESH = 0.125  # seconds between drawings
IDLE = 0.5  # seconds after the last transfer until a display that began by itself ends


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
            if self._drawn and self._painter is None and isinstance(event, Started):
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
        if isinstance(event, Finished):
            self.say(f"{shown(event.result.path or str(event.result.source))}  {event.result.size}")
        elif isinstance(event, Failed):
            self.say(shown(str(event.error)))

    # --- drawing

    def _begin(self) -> None:
        self._stop = threading.Event()
        self._painter = threading.Thread(target=self._paint, args=(self._stop,), name="asyncfetch bars", daemon=True)
        self._painter.start()

    def _paint(self, stop: threading.Event) -> None:
        surface = self._surface()
        atexit.register(self.close)
        idle_since = None
        try:
            while not stop.wait(REFRESH):
                now = time.monotonic()
                with self._lock:
                    idle_since = None if self.tally.active or self._bounded else idle_since or now
                    if idle_since is not None and now - idle_since > IDLE:
                        break
                self._print_lines()
                surface.draw()
        finally:
            surface.end(self.tally.summary())
            atexit.unregister(self.close)
            with self._lock:
                self._painter = None
                if self.tally.active and not stop.is_set():  # it began just now, and found us at our end
                    self._begin()
            self._print_lines()

    def _surface(self) -> Surface:
        from .surfaces import Notebook, Terminal

        return Notebook(self._picture) if self._console.is_jupyter else Terminal(self._console, self._picture)

    def _picture(self) -> Table:
        from .table import draw

        now = time.monotonic()
        with self._lock:
            for line in self.tally.active.values():
                line.measure(now)
            return draw(self.tally, self.total, self._console.width, self._console.height)


def drawable(console: Console) -> bool:
    """Tell whether bars can be drawn: in a notebook, or on a terminal that can move its cursor."""
    return console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal)
