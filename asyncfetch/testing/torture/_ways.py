"""The ways in which a fetch is hurt, and what each may lead to.

A way runs one round: it strikes operation number n, judges what came of it, and gives what was struck; None when the
fetch was over before its n-th operation.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..._model.errors import FetchError, Interrupted, LocalError
from ..._model.fetch import Result
from ._points import KINDS, Points
from ._subject import SYNC

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._bench import Bench
    from ._killing import Killer
    from ._subject import Outcome

    Told = tuple[str, str]  # what was struck, and the outcome in a word


class Way:
    """One way to be hurt."""

    name: str

    def suits(self, backend: str) -> bool:  # noqa: ARG002 - see the docstring
        """Whether it can happen on this backend."""
        return True

    def strike(self, bench: Bench, number: int, killer: Killer | None) -> Told | None:
        """Run the round number n."""
        raise NotImplementedError


@dataclass(frozen=True)
class Failing(Way):
    """The operation fails; the same client fetches again."""

    name: str
    kinds: tuple[str, ...]
    fail: Callable[[str], object]
    right: Callable[[Outcome, str], str]  # what is wrong with an outcome; empty if nothing

    def suits(self, backend: str) -> bool:
        """On asyncio only, where it is the sockets that fail."""
        return backend != "trio" or self.kinds != ("socket",)

    def strike(self, bench: Bench, number: int, killer: Killer | None) -> Told | None:  # noqa: ARG002 - of other ways
        """Fail, judge, fetch again."""
        points = Points(number, self.fail, self.kinds)
        subject, place = bench.place()
        good = 0

        def between(outcome: Outcome) -> None:
            nonlocal good
            good = bench.judge(outcome, place, tidy="disk" not in self.kinds)

        outcome, following = subject.fetch_twice(points, between)
        if points.struck is not None:
            wrong = self.right(outcome, points.struck)
            if wrong:
                raise AssertionError(f"struck at {points.struck}: {wrong}: {outcome!r}") from _error(outcome)
        elif isinstance(outcome, FetchError):
            raise AssertionError(f"nothing befell it, and yet it failed: {outcome!r}") from outcome
        bench.judge_next(following, place, good)
        return None if points.struck is None else (points.struck, _word(outcome))


class Cancelling(Way):
    """Cancelled at one step, entering and leaving of the client included."""

    name = "cancelled"

    def suits(self, backend: str) -> bool:
        """Nobody can cancel what blocks; that is interrupted."""
        return backend != SYNC

    def strike(self, bench: Bench, number: int, killer: Killer | None) -> Told | None:  # noqa: ARG002 - of other ways
        """Cancel, judge, fetch again."""
        subject, place = bench.place()
        ended = subject.fetch_cancelled(number)
        good = bench.judge(None, place)
        bench.judge_next(subject.fetch(), place, good)
        return None if ended else ("a step", "cancelled")


class Killing(Way):
    """Its process is killed at an operation of any kind."""

    name = "killed"

    def strike(self, bench: Bench, number: int, killer: Killer | None) -> Told | None:
        """Kill, judge, fetch again."""
        if killer is None:
            return None
        subject, place = bench.place()
        struck = killer.kill(subject, number)
        good = bench.judge(None, place, tidy=False)
        bench.judge_next(subject.fetch(), place, good)
        return None if struck is None else (struck, "killed")


class Interrupting(Way):
    """Ctrl-C while a blocking client is at an operation; for the main thread only."""

    name = "interrupted"

    def suits(self, backend: str) -> bool:
        """Async code is cancelled."""
        return backend == SYNC and hasattr(signal, "pthread_kill")

    def strike(self, bench: Bench, number: int, killer: Killer | None) -> Told | None:  # noqa: ARG002 - of other ways
        """Interrupt, judge, fetch again."""
        main = threading.main_thread().ident
        assert main is not None
        points = Points(number, lambda _: signal.pthread_kill(main, signal.SIGINT), KINDS)
        subject, place = bench.place()
        outcome: Outcome | None = None
        try:
            outcome = subject.fetch(points)
        except KeyboardInterrupt:
            if points.struck is None:
                raise
        good = bench.judge(outcome, place)
        bench.judge_next(subject.fetch(), place, good)
        return None if points.struck is None else (points.struck, "interrupted")


def _error(outcome: Outcome) -> BaseException | None:
    return outcome if isinstance(outcome, BaseException) else None


def _word(outcome: Outcome) -> str:
    return type(outcome).__name__ if isinstance(outcome, FetchError) else "recovered"


# --- what may come of it


def _raise_errno(code: int) -> Callable[[str], object]:
    def fail(_: str) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def _own_disk(code: int) -> Callable[[Outcome, str], str]:
    """A failure of our disk is told as such, with its number and the place; one of a file URL's as any source's."""

    def right(outcome: Outcome, struck: str) -> str:
        if isinstance(outcome, Result):
            return ""
        if not any(f"({ours}{os.sep}" in struck for ours in ("_disk", "_sinks")):
            return "" if type(outcome) is not FetchError else "it escaped, as none of ours"
        if not isinstance(outcome, LocalError):
            return "it was not told as a failure of the disk"
        return "" if outcome.errno == code and outcome.filename else "the errno or the path is missing"

    return right


def _recovers(outcome: Outcome, _: str) -> str:
    return "" if isinstance(outcome, Result) else "one lost connection was not made up for"


def _fail_port(name: str) -> None:
    if name.startswith("sink."):
        raise LocalError("struck", errno=errno.EIO, filename=name)
    raise Interrupted("struck")


def _port_right(outcome: Outcome, struck: str) -> str:
    if not struck.startswith("sink."):
        return _recovers(outcome, struck)
    return "" if isinstance(outcome, Result | LocalError) else "it was not told as a failure of the disk"


def _break(name: str) -> None:
    raise RuntimeError(f"a bug at {name}")


def _wrapped(outcome: Outcome, _: str) -> str:
    causes: list[Any] = [outcome]
    while causes[-1] is not None and len(causes) < 10:
        causes.append(causes[-1].__cause__ or causes[-1].__context__ if isinstance(causes[-1], BaseException) else None)
    return "" if any(isinstance(one, RuntimeError) for one in causes) else "the cause is lost"


def _reset(_: str) -> None:
    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


WAYS: tuple[Way, ...] = (
    *[
        Failing(errno.errorcode[code], ("disk",), _raise_errno(code), _own_disk(code))
        for code in (errno.ENOSPC, errno.EIO, errno.EACCES)
    ],
    Failing("reset", ("socket",), _reset, _recovers),
    Failing("port", ("port",), _fail_port, _port_right),
    Failing("bug", ("port",), _break, _wrapped),
    Cancelling(),
    Interrupting(),
    Killing(),
)
