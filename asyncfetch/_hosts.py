"""What a client learns of its hosts from every attempt, and which source of a wish it asks first because of it.

Both decisions are pure (`_policy.pacing` by way of the gates, `_policy.scoreboard`); this is where they hear of time.
In good times a success costs two looks at empty dictionaries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._gates import Cooling
from ._model.errors import Verdict
from ._policy.scoreboard import Scoreboard

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._gates import Gates
    from ._model.errors import FetchError
    from ._model.exchange import Held
    from ._model.url import Url

_TELLING = 1024 * 1024  # bytes of a body whose speed says something about the host and not only about the way to it


class Hosts:
    """Hears how attempts end. ``paced``: a rate limit of ours decides the speed, which then says nothing."""

    __slots__ = ("_board", "_clock", "_gates", "_paced")

    def __init__(self, gates: Gates, clock: Callable[[], float], *, paced: bool) -> None:
        self._board = Scoreboard()
        self._clock = clock
        self._gates = gates
        self._paced = paced

    def failed(self, source: Url, error: FetchError, began: float) -> None:
        """Hear of an attempt that failed, begun at ``began``; its place at the gate has been given back."""
        if error.verdict is Verdict.ABORT or isinstance(error, Cooling):
            return
        self._gates.failed(source, error, began)
        self._board.failed(source.origin, error.verdict, self._clock())

    def went_well(self, source: Url, received: int, seconds: float) -> None:
        """Hear of one that did not, and of the speed at which its body came."""
        board = self._board
        if self._gates.troubled:
            self._gates.gained(source.origin)
        if board.failing and source.origin in board.failing:
            board.succeeded(source.origin, self._clock())
        if received >= _TELLING and not self._paced and seconds > 0 and source.scheme != "file":
            board.measured(source.origin, received / seconds, self._clock())

    def order(self, sources: tuple[Url, ...], held: Held, *, provable: bool) -> tuple[Url, ...]:
        """Give the sources in the order in which to ask them.

        A part that no digest will prove goes on at the source it came from, or not at all: that one is asked first.
        """
        order = self._board.order([source.origin for source in sources], self._clock())
        if held.length and not provable and held.validator is not None:
            began_at = held.validator.source
            order.sort(key=lambda index: str(sources[index]) != began_at)
        return tuple([sources[index] for index in order])
