"""What happens to a body while it arrives: progress is told, a stall is ended, slow bytes are not held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from ._model.errors import FetchError, Stalled
from ._model.events import Advanced
from ._policy.pacing import StallWatch
from ._pump import pump

if TYPE_CHECKING:
    from ._model.fetch import Fetch
    from ._model.ports import Receiver
    from ._model.url import Url
    from ._pump import Flow
    from ._surroundings import Surroundings


async def carry(flow: Flow, sink: Receiver, watch: Watch, around: Surroundings) -> None:
    """Move a body into a sink under the eyes of its watch. Raises what `pump` raises, and Stalled."""
    around.pulse.watch(watch)
    try:
        if flow.body.abortable:
            await pump(flow, sink, around.pace)
            return
        with anyio.CancelScope() as watch.scope:
            await pump(flow, sink, around.pace)
        if watch.scope.cancelled_caught:
            assert watch.reason is not None
            raise watch.reason
    finally:
        around.pulse.forget(watch)


class Watch:
    """Looks after one body, ten times a second."""

    __slots__ = (
        "_around",
        "_excused",
        "_fetch",
        "_flow",
        "_flushed",
        "_looked",
        "_observer",
        "_source",
        "_stall",
        "reason",
        "scope",
    )

    def __init__(self, flow: Flow, fetch: Fetch, source: Url, around: Surroundings, *, observed: bool = True) -> None:
        self._around = around
        self._observer = around.observer if observed else None  # what comes in pieces is told of as a whole
        self._fetch = fetch
        self._flow = flow
        self._source = source
        self._stall: StallWatch | None = None
        self._flushed = 0
        self._looked = self._excused = 0.0
        self.scope: anyio.CancelScope | None = None  # to end the reading of a body that cannot be aborted
        self.reason: FetchError | None = None

    def tick(self, now: float) -> None:
        """Tell whoever observes, end a stall, and let what arrived slowly reach the disk."""
        around, flow = self._around, self._flow
        stall = around.settings.timeouts.stall
        if stall is not None:
            received = flow.received + flow.body.landed
            if flow.waits and self._stall is not None:  # our rate, or our disk: the source is not to blame
                self._excused += now - self._looked
            self._looked = now
            if self._stall is None:
                self._stall = StallWatch(*stall, now)
            elif self._stall.stalled(now - self._excused, received) and self.reason is None:
                self._end(Stalled(f"fewer than {stall[0]:g} bytes a second came over {stall[1]:g} s", url=self._source))
        if self._observer is not None:
            self._observer(Advanced(self._fetch, flow.seen(), flow.body.size))
        self._flushed += 1
        if self._flushed % 5 == 0:  # a slow body reaches the disk twice a second, not once a buffer
            flow.body.flush()

    def _end(self, reason: FetchError) -> None:
        self.reason = reason
        if not self._flow.body.abort(reason) and self.scope is not None:
            self.scope.cancel()
