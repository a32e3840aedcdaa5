"""Which source next, after what pause, or give up: retry and mirrors in one queue.

Rules (contract: errors): ABORT ends the wish. NEXT_SOURCE drops the source. RETRY asks it again, at most
``Retry.attempts`` times without progress; progress resets the count. While another source is ready it is tried before
anything waits. A pause is exponential back-off with full jitter, and at least what Retry-After says, up to a cap
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/; RFC 9110 section 10.2.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._model.errors import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model.settings import Retry


@dataclass(frozen=True, slots=True)
class Step:
    """The next thing to do: ask the source with this index, after a pause in seconds."""

    source: int
    pause: float


FIRST = Step(0, 0.0)  # every fetch begins with its first source, at once


@dataclass(slots=True)
class _Candidate:
    index: int
    tries: int = 0
    ready_at: float = 0.0
    renewed: bool = False


class Attempts:
    """The sources still worth asking. Time (``now``, seconds) and chance (``random``, 0 to 1) come from the caller.

    >>> from asyncfetch import Retry, Verdict
    >>> attempts = Attempts(2, Retry(), random=lambda: 1.0)
    >>> attempts.first()
    Step(source=0, pause=0.0)
    >>> attempts.failed(0, Verdict.RETRY, now=10.0)
    Step(source=1, pause=0.0)
    """

    __slots__ = ("_left", "_random", "_retry")

    def __init__(self, sources: int, retry: Retry, random: Callable[[], float]) -> None:
        self._left = [_Candidate(index) for index in range(sources)]
        self._retry = retry
        self._random = random

    def first(self) -> Step:
        """Give the first step: the first source, at once."""
        return FIRST

    def failed(
        self,
        source: int,
        verdict: Verdict,
        now: float,
        *,
        progressed: bool = False,
        retry_after: float | None = None,
    ) -> Step | None:
        """Decide what follows a failure of ``source``; None gives up.

        ``progressed``: the attempt brought bytes that will be kept. ``retry_after``: the seconds the source asked for.
        """
        if verdict is Verdict.ABORT:
            return None
        candidate = self._find(source)
        if verdict is Verdict.NEXT_SOURCE:
            self._left.remove(candidate)
        else:
            candidate.tries = 1 if progressed else candidate.tries + 1
            candidate.ready_at = now + self._pause(candidate.tries, retry_after)
            if candidate.tries >= self._retry.attempts:
                self._left.remove(candidate)
        return self._next(source, now)

    def afresh(self, source: int) -> Step | None:
        """Ask the same source from byte 0, once, as after a bad digest over a resumed part; None the second time."""
        candidate = self._find(source)
        if candidate.renewed:
            return None
        candidate.renewed = True
        return Step(source, 0.0)

    def postpone(self, source: int, now: float, until: float) -> Step:
        """Leave a source alone until then, as when its host asked another fetch to wait; another one may be ready."""
        self._find(source).ready_at = until
        step = self._next(source, now)
        assert step is not None
        return step

    def _find(self, source: int) -> _Candidate:
        return next(candidate for candidate in self._left if candidate.index == source)

    def _next(self, after: int, now: float) -> Step | None:
        if not self._left:
            return None
        ready = [candidate for candidate in self._left if candidate.ready_at <= now]
        if ready:  # in the order of the wish, going round from the one that failed
            chosen = min(ready, key=lambda candidate: (candidate.index <= after, candidate.index))
            return Step(chosen.index, 0.0)
        chosen = min(self._left, key=lambda candidate: (candidate.ready_at, candidate.index))
        return Step(chosen.index, chosen.ready_at - now)

    def _pause(self, tries: int, retry_after: float | None) -> float:
        ceiling = min(self._retry.backoff_max, self._retry.backoff * 2.0 ** min(tries - 1, 60))
        return max(ceiling * self._random(), min(retry_after or 0.0, self._retry.retry_after_max))
