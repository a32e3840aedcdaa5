"""Tally: what came so far, counted from events: what bars draw, and what an interrupted command leaves behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._model.events import Advanced, Failed, Finished, Started
from .text import count_text, size_text

if TYPE_CHECKING:
    from .._model.events import Event
    from .._model.fetch import Fetch


class Line:
    """One transfer under way: ``done`` bytes of ``size`` (None: not said), ``rate`` in bytes a second."""

    __slots__ = ("_base", "_begun", "_marked", "_marked_at", "done", "name", "rate", "size")

    def __init__(self, name: str, done: int, size: int | None, now: float) -> None:
        self.name = name
        self.done = done
        self.size = size
        self.rate = 0.0
        self._begun = self._marked_at = now
        self._base = self._marked = done

    @property
    def arrived(self) -> int:
        """Bytes that came by now, without those that were there before."""
        return max(self.done - self._base, 0)

    def restart(self, done: int, size: int | None) -> None:
        """Go on from another offset: another attempt."""
        self.done, self.size = done, size
        self._base = self._marked = done

    def measure(self, now: float) -> None:
        """Bring the rate up to date; call it a few times a second."""
        elapsed = now - self._marked_at
        if elapsed < 0.1:
            return
        latest = max(self.done - self._marked, 0) / elapsed
        weight = 1.0 if self._marked_at == self._begun else min(elapsed / 3, 1.0)  # of the last three seconds or so
        self.rate += (latest - self.rate) * weight
        self._marked, self._marked_at = self.done, now


class Tally:
    """An observer that counts. Memory is bounded by what is under way, not by what was."""

    def __init__(self) -> None:
        self.files = 0
        self.failed = 0
        self.transferred = 0
        self.active: dict[Fetch, Line] = {}
        self.begun = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, Advanced):
            line = self.active.get(event.fetch)
            if line is not None:
                line.done = event.done
                line.size = event.size if event.size is not None else line.size
        elif isinstance(event, Started):
            line = self.active.get(event.fetch)
            if line is not None:
                line.restart(event.offset, event.size)
            else:
                name = event.fetch.url.name or event.fetch.url.host
                self.active[event.fetch] = Line(name, event.offset, event.size, time.monotonic())
        elif isinstance(event, Finished):
            self.active.pop(event.fetch, None)
            self.files += 1
            self.transferred += event.result.transferred
        elif isinstance(event, Failed):
            self.active.pop(event.fetch, None)
            self.failed += 1

    def summary(self) -> str:
        """Say what came, in how many seconds."""
        elapsed = time.monotonic() - self.begun
        failed = f", {self.failed} failed" if self.failed else ""
        rate = f" ({size_text(self.transferred / elapsed)}/s)" if elapsed > 0 and self.transferred else ""
        return f"{count_text(self.files)}{failed}, {size_text(self.transferred)} in {elapsed:.1f} s{rate}"

    def last_words(self) -> str:
        """Say what an interrupted command has kept."""
        kept = [f"kept {count_text(self.files)}"] if self.files else []
        parts = list(self.active.values())
        if parts:
            done = sum(line.done for line in parts)  # as the last events said; a little more may be there
            count = "an unfinished file" if len(parts) == 1 else f"{len(parts)} unfinished files"
            kept.append(f"{'' if kept else 'kept '}{size_text(done) if done else 'what had come'} of {count}")
        if not kept:
            return "nothing was kept"
        resume = ", which the same command continues" if parts else ""
        return " and ".join(kept) + resume
