"""Output: results on standard output, everything else on standard error.

Rules: no control character that a server or a list chose reaches a terminal or a pipe. A reader that is slow holds up
who writes, never the event loop. A reader that is gone ends the command quietly (OutputClosed).
"""

from __future__ import annotations

import json
import logging
import os
import select
import stat
import sys
import warnings
from contextlib import ExitStack, suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any, Self

import asyncfetch

from .._progress.text import shown

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime
    from typing import TextIO

    from .progress import Bars

_ATOMIC = 4096  # PIPE_BUF: so much goes into a pipe at once when select says that there is room (pipe(7))


class OutputClosed(Exception):
    """Nobody reads standard output any more."""


class OutputFailed(Exception):
    """Standard output cannot be written: a full disk, mostly."""


def time_text(moment: datetime | None) -> str | None:
    """Give a moment in UTC (RFC 3339)."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Standard:
    """Standard output, written line by line or chunk by chunk without blocking the loop."""

    def __init__(self) -> None:
        self._descriptor = sys.stdout.fileno()
        self._never_blocks = stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    async def line(self, text: str) -> None:
        """Write a line."""
        await self.write((text + "\n").encode("utf-8", "backslashreplace"))

    async def write(self, data: bytes | memoryview) -> None:
        """Write everything, waiting for the reader where need be."""
        try:
            if self._never_blocks or (len(data) <= _ATOMIC and self._has_room()):
                _write(self._descriptor, data)
            else:
                from anyio import to_thread

                await to_thread.run_sync(_write, self._descriptor, data, abandon_on_cancel=True)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise OutputClosed from error
        except OSError as error:
            raise OutputFailed(error.strerror or str(error)) from error

    def _has_room(self) -> bool:
        return os.name == "posix" and bool(select.select((), (self._descriptor,), (), 0)[1])


def _write(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Report:
    """What a command tells its user, and the exit status that follows from it."""

    def __init__(self, options: Namespace) -> None:
        self.standard = Standard()
        self.bars: Bars | None = None
        self.json: bool = getattr(options, "json", False)
        self.quiet: bool = getattr(options, "quiet", False)
        self.failures = 0
        self.mistakes = 0
        self.verbose: int = getattr(options, "verbose", 0)
        self._leave = ExitStack()

    def __enter__(self) -> Self:
        """Let what the engine logs and warns of come to standard error, as long as this lasts."""
        self._leave.enter_context(warnings.catch_warnings())
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = self._warn
        logger, saying = logging.getLogger("asyncfetch"), _Saying(self)
        self._leave.callback(logger.removeHandler, saying)
        self._leave.callback(setattr, logger, "propagate", logger.propagate)
        self._leave.callback(logger.setLevel, logger.level)
        logger.addHandler(saying)
        logger.propagate = False
        least = logging.ERROR if self.quiet else logging.WARNING
        logger.setLevel({0: least, 1: logging.INFO}.get(self.verbose, logging.DEBUG))
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def _warn(  # noqa: PLR0917 - as below
        self,
        message: Warning | str,
        category: type[Warning],  # noqa: ARG002 - the signature is that of warnings.showwarning
        filename: str,  # noqa: ARG002 - as above
        lineno: int,  # noqa: ARG002 - as above
        file: TextIO | None = None,  # noqa: ARG002 - as above
        line: str | None = None,  # noqa: ARG002 - as above
    ) -> None:
        self.say(f"asyncfetch: warning: {shown(str(message))}")

    @property
    def status(self) -> int:
        """0 everything went well, 1 something failed, 2 something was asked for that cannot be."""
        return 2 if self.mistakes else 1 if self.failures else 0

    def say(self, text: str) -> None:
        """Write a line to standard error, above the bars where there are some."""
        if self.bars is not None:
            self.bars.say(text)
        else:
            with suppress(OSError, ValueError):  # nobody listens; what was asked for is done all the same
                print(text, file=sys.stderr, flush=True)

    async def line(self, text: str) -> None:
        """Write a line of results."""
        if self.bars is not None and sys.stdout.isatty():
            self.bars.say(text)  # the same terminal
        else:
            await self.standard.line(text)

    async def object(self, value: dict[str, Any]) -> None:
        """Write a result as one line of JSON; what is no Unicode text is escaped."""
        await self.line(json.dumps(value, separators=(", ", ": "), ensure_ascii=True))

    async def result(self, result: asyncfetch.Result) -> None:
        """Tell of a fetch that succeeded."""
        if self.json:
            await self.object(result_object(result))
            return
        path = shown(result.path or "-")
        digest = f"  {result.digest}" if result.digest else ""
        await self.line(f"{path}  {result.size}{digest}")

    async def failure(self, error: asyncfetch.FetchError) -> None:
        """Tell of a fetch that failed, and why."""
        if is_usage(error):
            self.mistakes += 1
        else:
            self.failures += 1
        if self.json:
            await self.object(error_object(error))
        wish = _wish_of(error)
        whose = f" (`{wish.url}`)" if error.url is None and wish is not None else ""
        self.say(f"asyncfetch: error: {shown(str(error))}{whose}")


class _Saying(logging.Handler):
    """Log records become lines on standard error."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        self._report.say(f"asyncfetch: {level}: {shown(record.getMessage())}")
        if record.exc_info and self._report.verbose:
            trace = logging.Formatter().formatException(record.exc_info)
            self._report.say("\n".join(shown(line) for line in trace.splitlines()))


def is_usage(error: asyncfetch.FetchError) -> bool:
    """Tell whether a wish made no sense from the start, so that no source was asked."""
    if isinstance(error, asyncfetch.Offline | asyncfetch.DestinationBusy):
        return False
    if isinstance(error, asyncfetch.UnsupportedScheme):
        return True
    return isinstance(error, asyncfetch.MistakeError) and not error.attempts


def result_object(result: asyncfetch.Result) -> dict[str, Any]:
    """Give a result as JSON has it; URLs are masked."""
    return {
        "url": str(result.fetch.url),
        "path": result.path,
        "size": result.size,
        "digest": result.digest,
        "source": str(result.source),
        "attempts": result.attempts,
        "resumed_from": result.resumed_from,
        "transferred": result.transferred,
        "elapsed": round(result.elapsed, 6),
        "unchanged": result.unchanged,
    }


def _wish_of(error: asyncfetch.FetchError) -> asyncfetch.Fetch | None:
    return getattr(error, "fetch", None)  # as_fetched sets it


def error_object(error: asyncfetch.FetchError) -> dict[str, Any]:
    """Give an error as JSON has it; URLs are masked."""
    wish = _wish_of(error)
    return {
        "url": str(wish.url) if wish is not None else error.url,
        "path": None if wish is None or wish.to is None or wish.to.endswith(("/", os.sep)) else wish.to,
        "error": str(error),
        "kind": type(error).__name__,
        "verdict": error.verdict.value,
        "attempts": [
            {
                "source": attempt.source,
                "started": round(attempt.started, 6),
                "elapsed": round(attempt.elapsed, 6),
                "received": attempt.received,
                "outcome": attempt.outcome,
            }
            for attempt in error.attempts
        ],
    }
