"""Where the time went, as Chrome trace events: a row a fetch, for Perfetto or chrome://tracing.

Rules: the numbers are those of ``Result.timings``; nothing is measured here but the moment at which a fetch ended, from
which its phases are laid out backwards. Events are written as they come, so memory stays flat and an interrupted run
leaves what it saw: the format allows the closing bracket to be missing
(https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU, "JSON Array Format").
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import asyncfetch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Self

    from asyncfetch import Fetch, FetchError, Result
    from asyncfetch._model.events import Event

_FETCHES, _DISK = 1, 2  # "processes" of the trace: what follows each other, and what ran beside it
_PHASES = ("queued", "connect", "tls", "first_byte", "body", "commit")


class Trace:
    """An observer that writes a trace to ``path`` and hands every event on to ``observer``.

    Use it as a context manager. Raises OSError when the file cannot be written.
    """

    def __init__(self, path: str, observer: Callable[[Event], None]) -> None:
        self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115 - closed on leaving
        self._observer = observer
        self._began = time.perf_counter()
        self._rows = 0
        self._separator = "[\n"
        self._retries: dict[Fetch, list[dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        self._write({"name": "process_name", "ph": "M", "pid": _FETCHES, "args": {"name": "fetches"}})
        beside = {"name": "disk and digests (their sums, which run beside the body or within the commit)"}
        self._write({"name": "process_name", "ph": "M", "pid": _DISK, "args": beside})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.write("\n]\n")
        self._file.close()

    def __call__(self, event: Event) -> None:
        """Write a fetch that ended; keep the failed attempts of one that goes on."""
        self._observer(event)
        if isinstance(event, asyncfetch.Retrying):
            args = {"error": str(event.error), "next": str(event.source), "pause": event.pause}
            told = {"name": type(event.error).__name__, "ph": "i", "s": "t", "ts": self._now(), "args": args}
            self._retries.setdefault(event.fetch, []).append(told)
        elif isinstance(event, asyncfetch.Finished):
            self._row(event.fetch, self._finished(event.result))
        elif isinstance(event, asyncfetch.Failed):
            self._row(event.fetch, self._failed(event.error))

    def _row(self, fetch: Fetch, slices: Iterator[dict[str, Any]]) -> None:
        self._rows += 1
        for pid in (_FETCHES, _DISK):
            name = {"name": f"{self._rows} {fetch.url.name or fetch.url.host}"}
            self._write({"name": "thread_name", "ph": "M", "pid": pid, "tid": self._rows, "args": name})
        for retry in self._retries.pop(fetch, ()):
            self._write({**retry, "pid": _FETCHES, "tid": self._rows})
        for one in slices:
            self._write({"ph": "X", "pid": _FETCHES, "tid": self._rows, **one})

    def _finished(self, result: Result) -> Iterator[dict[str, Any]]:
        timings = result.timings
        end = self._now()
        about = {
            "url": str(result.source), "bytes": result.size, "transferred": result.transferred,
            "attempts": result.attempts, "resumed_from": result.resumed_from,
        }  # fmt: skip
        yield {"name": "fetch", "ts": end - result.elapsed * 1e6, "dur": result.elapsed * 1e6, "args": about}
        at = end - sum(getattr(timings, phase) for phase in _PHASES) * 1e6
        body = at
        for phase in _PHASES:
            took = getattr(timings, phase) * 1e6
            if phase == "body":
                body = at
            if took:
                yield {"name": phase.replace("_", " "), "ts": at, "dur": took}
            at += took
        # nested by length: one row cannot show what overlaps
        beside = sorted((("write", timings.write), ("hash", timings.hash)), key=lambda one: -one[1])
        for name, seconds in beside:
            if seconds:
                yield {"name": name, "pid": _DISK, "ts": body, "dur": seconds * 1e6}

    def _failed(self, error: FetchError) -> Iterator[dict[str, Any]]:
        end = self._now()
        elapsed = min(error.elapsed or 0.0, end / 1e6) * 1e6
        args = {"error": str(error)}
        yield {"name": f"failed: {type(error).__name__}", "ts": end - elapsed, "dur": elapsed, "args": args}

    def _now(self) -> float:
        """Microseconds since the trace began."""
        return (time.perf_counter() - self._began) * 1e6

    def _write(self, event: dict[str, Any]) -> None:
        self._file.write(self._separator + json.dumps(event, allow_nan=False))
        self._separator = ",\n"
