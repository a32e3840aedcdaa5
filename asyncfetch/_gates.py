"""Gates: how many attempts run at a time, in all and for one host, how fast, and which hosts are left alone for now.

Rules: a place is lent for an attempt, never for a pause. Waiters of one host are served in order; a host that is full
never holds up the others. A host in its cool-down gets no request: who waits for it is sent away when the cool-down
begins, who comes is sent away at once, and who has a place asks once more (``ready``) right before the request is
written, since a connection takes time to make and a redirect may lead to another host. Everything happens on the loop;
nothing here blocks.
"""

from __future__ import annotations

import random
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import anyio

from ._model.errors import Busy, FetchError, InvalidUrl, SourceError, TransientError
from ._model.url import Url
from ._policy.pacing import Allowance
from ._signal import signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._model.settings import Limits, Retry
    from ._signal import Signal

    Host = tuple[str, str, int | None]

_HOSTS = 1024  # hosts in trouble remembered at most, those apart that are in a cool-down
_COOLING = frozenset({429, 503})  # statuses after which a host is left alone even when it did not say for how long


class Cooling(Busy):
    """A host is left alone for now, so nothing was asked of it; ``until`` on the client's clock.

    ``pauses`` counts those that the host asked for in a row without an answer between them.
    """

    def __init__(self, url: Url | None, *, now: float, allowance: Allowance) -> None:
        left = allowance.until - now
        super().__init__(f"its host wants to be left alone for {left:.1f} s more", url=url, retry_after=left)
        self.until = allowance.until
        self.pauses = allowance.pauses


class Gates:
    """Places for attempts, ``Limits.total`` in all and ``Limits.per_host`` for each origin, fewer after failures.

    ``troubled`` holds what is known of hosts that failed or asked for a pause; empty in good times.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        retry: Retry,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._free = limits.total
        self._per_host = limits.per_host
        self._clock = clock
        self._retry = retry
        self._chance = chance
        self._busy: dict[Host, int] = {}
        self._waiting: dict[Host, deque[Signal]] = {}
        self._sent_away: dict[Signal, Cooling] = {}  # waiters of hosts that are left alone since
        self.troubled: dict[Host, Allowance] = {}

    # --- places

    async def enter(self, host: Host) -> None:
        """Take a place, waiting for one if need be. Raises Cooling when the host is left alone: there is no place."""
        most = self._per_host
        if self.troubled:
            self._check(host)
            most = self.places(host)
        busy = self._busy.get(host, 0)
        if self._free > 0 and busy < most and host not in self._waiting:
            self._free -= 1
            self._busy[host] = busy + 1
            return
        turn = signal()
        self._waiting.setdefault(host, deque()).append(turn)
        try:
            await turn.wait()
            if turn not in self._sent_away:
                self._check(host)
        except BaseException:
            if not turn.is_set():
                self._forget(host, turn)
            elif turn not in self._sent_away:
                self.leave(host)
            self._sent_away.pop(turn, None)
            raise
        if turn in self._sent_away:
            raise self._sent_away.pop(turn)

    def leave(self, host: Host) -> None:
        """Give the place back; it goes to the next waiter who may have it."""
        self._free += 1
        busy = self._busy[host] - 1
        if busy:
            self._busy[host] = busy
        else:
            del self._busy[host]
        if self._waiting:
            self._admit()

    def places(self, host: Host) -> int:
        """Give the number of attempts that a host may have at a time just now."""
        troubled = self.troubled.get(host) if self.troubled else None
        return self._per_host if troubled is None else troubled.places

    def room(self, host: Host) -> int:
        """Give the number of places that are free for a host now; 0 while it is left alone or others wait for it.

        Those who wait for another host are not kept from a place: `is_crowded` tells when they are.
        """
        if host in self._waiting or self.cool_until(host):
            return 0
        return max(0, min(self._free, self.places(host) - self._busy.get(host, 0)))

    def enter_now(self, host: Host) -> bool:
        """Take a place if one is free now, and tell whether that was so."""
        busy = self._busy.get(host, 0)
        if self._free <= 0 or busy >= self._per_host or host in self._waiting:
            return False
        if self.troubled and not self.room(host):
            return False
        self._free -= 1
        self._busy[host] = busy + 1
        return True

    def is_crowded(self, host: Host) -> bool:
        """Tell whether somebody waits for a place that an attempt on this host holds."""
        return bool(self._waiting) and (host in self._waiting or self._free <= 0)

    def _forget(self, host: Host, turn: Signal) -> None:
        queue = self._waiting[host]
        queue.remove(turn)
        if not queue:
            del self._waiting[host]

    def _admit(self) -> None:
        for host in tuple(self._waiting):
            queue, most = self._waiting[host], self.places(host)
            while queue and self._free > 0 and self._busy.get(host, 0) < most:
                self._free -= 1
                self._busy[host] = self._busy.get(host, 0) + 1
                queue.popleft().set()
            # go round, so that a host with many waiters does not always come first
            del self._waiting[host]
            if queue:
                self._waiting[host] = queue
            if self._free <= 0:
                return

    # --- hosts in trouble

    def ready(self, url: Url) -> None:
        """Let a request to this URL go out now. Raises Cooling when its host is left alone."""
        if self.troubled:
            self._check(url.origin, url)

    def failed(self, url: Url, error: FetchError, began: float) -> None:
        """Hear how an attempt on a URL failed, begun at ``began``, whose place has been given back."""
        host = url.origin
        if isinstance(error, SourceError) and host in self.troubled:
            self.troubled[host].answered(well=False)
        if not isinstance(error, TransientError) or isinstance(error, Cooling):
            return
        now = self._clock()
        allowance = self._trouble(host, now)
        busy = self._busy.get(host, 0) + 1
        allowance.lost(began=began, now=now, busy=busy, silent=not isinstance(error, Busy))
        if isinstance(error, Busy) and (error.retry_after or error.status in _COOLING):
            host = _who_said(error) or host
            allowance = self._trouble(host, now)
            self.cool(host, allowance.pause(error.retry_after, self._retry, self._chance()))

    def gained(self, host: Host) -> None:
        """Hear that an attempt went well; worth a call only while there are ``troubled`` hosts."""
        allowance = self.troubled.get(host)
        if allowance is not None:
            allowance.answered(well=True)
            if allowance.is_over(self._clock()):
                del self.troubled[host]
            if self._waiting:  # there may be a place more
                self._admit()

    def cool(self, host: Host, seconds: float) -> None:
        """Leave a host alone for so long, and send those away who wait for it."""
        if seconds <= 0:
            return
        now = self._clock()
        allowance = self._trouble(host, now)
        allowance.turned_away(now, seconds)
        for turn in self._waiting.pop(host, ()):
            self._sent_away[turn] = Cooling(None, now=now, allowance=allowance)
            turn.set()

    def cool_until(self, host: Host) -> float:
        """Give the time until which a host is left alone; 0 if it is not."""
        allowance = self.troubled.get(host) if self.troubled else None
        return 0.0 if allowance is None or allowance.until <= self._clock() else allowance.until

    def _check(self, host: Host, url: Url | None = None) -> None:
        allowance = self.troubled.get(host)
        if allowance is not None and allowance.until > (now := self._clock()):
            raise Cooling(url, now=now, allowance=allowance)

    def _trouble(self, host: Host, now: float) -> Allowance:
        allowance = self.troubled.get(host)
        if allowance is None:
            if len(self.troubled) >= _HOSTS:
                self._make_room(now)
            allowance = self.troubled[host] = Allowance(self._per_host)
        return allowance

    def _make_room(self, now: float) -> None:
        """Forget hosts whose trouble is over, else one that is not left alone just now."""
        over = [host for host, allowance in self.troubled.items() if allowance.is_over(now)]
        others = (host for host, allowance in self.troubled.items() if allowance.until <= now)
        for host in over or list(islice(others, 1)):
            del self.troubled[host]

    def __repr__(self) -> str:
        waiting = sum(len(queue) for queue in self._waiting.values())
        alone = sum(self.cool_until(host) > 0 for host in self.troubled)
        return f"<Gates {sum(self._busy.values())} running, {waiting} waiting, {alone} hosts left alone>"


def _who_said(error: Busy) -> Host | None:
    """Give the host that a redirect had led to when this was said."""
    try:
        return Url.of(error.url).origin if error.chain and error.url else None
    except InvalidUrl:  # the mask made something else of it
        return None


class Pace:
    """A rate in bytes a second, shared by all transfers of a client (token bucket, a fifth of a second deep)."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._due = clock()
        self.portion = max(1, min(1024 * 1024, int(rate / 10)))  # bytes read at a time

    async def spend(self, count: int) -> None:
        """Pay for bytes that were read, by waiting until they are due."""
        now = self._clock()
        self._due = max(self._due, now - 0.2) + count / self._rate
        if self._due > now:
            await anyio.sleep(self._due - now)
