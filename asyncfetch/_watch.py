"""What happens to a body while it arrives: progress is told, a stall is ended, slow bytes are not held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._model.errors import FetchError, Stalled
from ._model.events import Advanced
from ._policy.pacing import StallWatch

if TYPE_CHECKING:
    import anyio

    from ._model.fetch import Fetch
    from ._model.url import Url
    from ._pump import Flow
    from ._surroundings import Surroundings


class Watch:
    """Looks after one body, ten times a second."""

    __slots__ = ("_around", "_fetch", "_flow", "_flushed", "_source", "_stall", "reason", "scope")

    def __init__(self, flow: Flow, fetch: Fetch, source: Url, around: Surroundings) -> None:
        self._around = around
        self._fetch = fetch
        self._flow = flow
        self._source = source
        self._stall: StallWatch | None = None
        self._flushed = 0
        self.scope: anyio.CancelScope | None = None  # to end the reading of a body that cannot be aborted
        self.reason: FetchError | None = None

    def tick(self, now: float) -> None:
        """Tell whoever observes, end a stall, and let what arrived slowly reach the disk."""
        around, flow = self._around, self._flow
        stall = around.settings.timeouts.stall
        if stall is not None:
            received = flow.received + flow.body.landed
            if self._stall is None:
                self._stall = StallWatch(*stall, now)
            elif self._stall.stalled(now, received) and self.reason is None:
                self._end(Stalled(f"fewer than {stall[0]:g} bytes a second came over {stall[1]:g} s", url=self._source))
        if around.observer is not None:
            around.observer(Advanced(self._fetch, flow.seen(), flow.body.size))
        self._flushed += 1
        if self._flushed % 5 == 0:  # a slow body reaches the disk twice a second, not once a buffer
            flow.body.flush()

    def _end(self, reason: FetchError) -> None:
        self.reason = reason
        if not self._flow.body.abort(reason) and self.scope is not None:
            self.scope.cancel()
