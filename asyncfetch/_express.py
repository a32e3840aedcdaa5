"""The short way of a small body: asked for, verified, written and renamed in one go.

Most files of an installer are small, and most fetches of them go well. For these the machinery that looks after all
else costs as much as the network, the disk and the hash together (220 us of CPU for 20 KiB, 120 without), so they go
past it: one request, a body that fits into the buffer of its connection, a part that nobody has made yet, one digest at
most. Whatever else comes up is not decided here. The `Transfer` takes over as things stand, the request already made
included, so that nothing is asked for twice and no rule exists twice.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from ._disk.lock import mark, token
from ._disk.new import NewPart
from ._model.digest import Digest
from ._model.events import Started
from ._model.exchange import Request
from ._model.fetch import Result
from ._sinks.hashing import verified

if TYPE_CHECKING:
    from ._disk.disk import Disk
    from ._model.exchange import Small
    from ._model.fetch import Fetch
    from ._model.ports import PromptOpening
    from ._surroundings import Surroundings

log = logging.getLogger("asyncfetch")


class Begun:
    """A fetch that was begun here and is another's to end: its part is open and locked, and it was perhaps asked for.

    With it goes a place at the gate of the fetch's host. ``began`` is on the client's clock.
    """

    __slots__ = ("began", "descriptor", "opening")

    def __init__(self, descriptor: int, opening: PromptOpening, began: float) -> None:
        self.descriptor = descriptor
        self.opening = opening
        self.began = began


class Express:
    """Carries out the wishes of one client that are simple."""

    __slots__ = ("_around", "_disk", "_serves")

    def __init__(self, around: Surroundings, disk: Disk) -> None:
        settings = around.settings
        self._around = around
        self._disk = disk
        # what has to be paced, timed or forced to the disk takes the other way
        self._serves = (
            around.pace is None
            and settings.timeouts.total is None
            and not (settings.offline or settings.durable or sys.platform == "win32")
        )

    async def run(self, fetch: Fetch, path: str) -> Result | Begun | None:
        """Fetch to a path where nothing was just now; Begun: there is more to it; None: nothing was begun."""
        around, disk, url = self._around, self._disk, fetch.url
        transport = around.lent.get(url.scheme)
        if (
            not (self._serves and getattr(transport, "prompt", False))
            or path[: path.rfind("/")] not in disk.near
            or disk.locks_hang
            or not disk.is_quick(disk.opener)
            or fetch.mirrors
            or fetch.headers
            or fetch.unless is not None
            or log.isEnabledFor(logging.DEBUG)  # of each attempt
            or not around.gates.enter_now(url.origin)
        ):
            return None
        part = NewPart(path)
        if not part.open():
            around.gates.leave(url.origin)
            return None
        began, provable = around.clock(), fetch.provable
        outcome: Result | Begun | None = None
        request = Request(url, insecure_redirect=provable, ready=around.gates.ready)
        opening: PromptOpening = transport.open(request)  # type: ignore[union-attr,assignment] # it is prompt
        try:
            if not provable:  # others that wait will use what they find if we were after the same
                mark(part.descriptor, token(url.reveal()))
            small = await opening.small()
            outcome = None if small is None else self._finished(fetch, part, small, began)
            outcome = outcome or Begun(part.descriptor, opening, began)
            if around.observer is not None and isinstance(outcome, Result):
                around.observer(Started(fetch, url, outcome.size, 0))
            return outcome
        finally:
            if type(outcome) is not Begun:
                opening.close()
                around.gates.leave(url.origin)
            if outcome is None:
                part.drop()

    def _finished(self, fetch: Fetch, part: NewPart, small: Small, began: float) -> Result | None:
        """Verify the body and put it in its place; None where that does not go well."""
        view, clock = small.view, self._around.clock
        size, digest = len(view), fetch.digest
        if small.digests or fetch.size not in {None, size}:
            return None
        here = clock()
        if digest is not None:
            digest = verified(view, digest) if isinstance(digest, Digest) else None
            if digest is None:
                return None
        hashed = clock()
        if not part.put(view):
            return None
        now = clock()
        self._disk.heed(now - here)
        self._around.hosts.went_well(fetch.url, size, 0.0)
        timings = small.timings
        timings.commit, timings.write, timings.hash = now - here, now - hashed, hashed - here
        return Result(
            fetch,
            part.destination,
            fetch.url,
            size,
            digest,
            small.validator,
            transferred=size,
            elapsed=now - began,
            timings=timings,
        )
