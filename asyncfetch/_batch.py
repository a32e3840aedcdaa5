"""Batches: many wishes, carried out by few tasks.

A task a file would cost more than a small file does (about 15 us), and memory that grows with the number of wishes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from ._flights import Crew
from ._model.errors import FetchError, MistakeError
from ._model.fetch import Fetch, several
from ._policy.lineup import Lineup, largest_first
from ._signal import signal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence

    from ._flights import Flights, Outcome
    from ._model.settings import Limits
    from ._model.url import Url
    from ._signal import Signal

    Wish = str | Url | Fetch
    _Item = tuple[int, Fetch]

_SPARE = 32  # tasks beyond the places: while some wait for the disk, the others keep the wire busy
_ASIDE = 256  # wishes read ahead for hosts that are full


class Batch:
    """Many wishes, carried out by as many tasks as there are places, their outcomes in order of arrival.

    The tasks belong to the client; each takes the next wish when it is done with one. Outcomes that nobody collects
    hold the tasks up, so that memory is bounded by the number of places and not by the number of wishes.
    """

    def __init__(self, flights: Flights, wishes: Iterable[Wish] | AsyncIterable[Wish], limits: Limits) -> None:
        several(wishes)
        self._flights = flights
        self._width = limits.total + min(limits.total, _SPARE)
        self._lineup: Lineup[_Item] = Lineup(flights.places, _ASIDE)
        self._foremost = self._put_largest_first(wishes) if isinstance(wishes, list | tuple) else frozenset()
        self._plain = iter(wishes) if not hasattr(wishes, "__aiter__") else None
        self._async: AsyncIterator[Wish] | None = wishes.__aiter__() if hasattr(wishes, "__aiter__") else None
        self._turn = anyio.Lock()
        self._count = 0
        self._exhausted = False
        self._closed = False
        self._trouble: BaseException | None = None
        self._outcomes: deque[tuple[int, Outcome]] = deque()
        self._arrived: Signal | None = None
        self._room: Signal | None = None
        self._crews: set[Crew] = set()
        self._resting = 0  # crews whose transfer pauses: others work in their stead
        self._most = self._width  # crews there may be

    def _put_largest_first(self, wishes: Sequence[Wish]) -> frozenset[int]:
        """Line up what is known to be large, of wishes that are all here already; give the numbers."""
        large = largest_first([wish.size if isinstance(wish, Fetch) else None for wish in wishes])
        for number in large:
            wish = wishes[number]
            assert isinstance(wish, Fetch)
            self._lineup.put_first(wish.url.origin, (number, wish), wish.size or 0)
        return frozenset(large)

    async def outcomes(self) -> AsyncGenerator[tuple[int, Outcome]]:
        """Give (number of the wish, outcome), as they finish."""
        self._grow()
        try:
            while True:
                while self._outcomes:
                    one = self._outcomes.popleft()
                    if self._room is not None:
                        self._room.set()
                        self._room = None
                    yield one
                if not self._crews:
                    break
                self._arrived = signal()
                await self._arrived.wait()
            if self._trouble is not None:
                raise self._trouble
        finally:
            self._exhausted = self._closed = True
            with anyio.CancelScope(shield=True):
                await self._end()

    def _grow(self) -> None:
        if len(self._crews) < self._most and not self._closed and (not self._exhausted or self._lineup.ready):
            crew = Crew(self._rest)
            self._crews.add(crew)
            self._flights.tasks.start_soon(self._work, crew)

    def _rest(self, *, begins: bool) -> None:
        """Hear that a crew's transfer begins to wait for a host, or goes on."""
        self._resting += 1 if begins else -1
        self._most = self._width + min(self._resting, _ASIDE)
        if begins:
            self._grow()

    async def _work(self, crew: Crew) -> None:
        outcome_of, outcomes, most = self._flights.outcome, self._outcomes, 2 * self._width
        try:
            with crew.scope:
                while (item := self._next() or await self._next_awaited()) is not None:
                    number, fetch = item
                    try:
                        outcome: Outcome = await outcome_of(fetch, crew)
                    except FetchError as error:
                        outcome = error
                    finally:
                        self._lineup.end(fetch.url.origin)
                    outcomes.append((number, outcome))
                    if self._arrived is not None:
                        self._notify()
                    if len(outcomes) >= most:
                        await self._wait_for_room()
        except BaseException:  # not by us, so it is the client that ends
            if not self._closed and self._trouble is None:
                self._trouble = MistakeError("the client was closed before all was fetched")
            raise
        finally:
            self._crews.discard(crew)
            self._notify()

    async def _wait_for_room(self) -> None:
        while len(self._outcomes) >= 2 * self._width and not self._closed:
            self._room = self._room or signal()
            await self._room.wait()

    def _next(self) -> _Item | None:
        """Read on to a wish whose host has room, count it there, and see that somebody looks for the next one.

        None: there is no other, or enough are set aside; those who carry out the wishes of the full hosts come by. Or
        it takes waiting for the caller's iterator.
        """
        if not self._closed and (waiting := self._lineup.take()) is not None:
            if len(self._crews) < self._most and (self._lineup.roomy or self._lineup.ready):
                self._grow()
            return waiting
        while self._plain is not None and not (self._exhausted or self._lineup.full):
            try:
                wish = next(self._plain)
            except StopIteration:
                self._exhausted = True
            except Exception as error:  # noqa: BLE001 - the caller's own iterable failed: raised where the caller waits
                self._fail(error)
            else:
                if (item := self._sort_in(wish)) is not None:
                    return item
        return None

    async def _next_awaited(self) -> _Item | None:
        """Do the same, where the wishes are awaited."""
        while self._async is not None and not (self._exhausted or self._lineup.full):
            try:
                async with self._turn:  # an async iterator is asked by one task at a time
                    if self._closed:
                        return None
                    wish = await self._async.__anext__()
            except StopAsyncIteration:
                self._exhausted = True
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(error)
            else:
                if (item := self._sort_in(wish)) is not None:
                    return item
        return None

    def _sort_in(self, wish: Wish) -> _Item | None:
        """Number a wish; give it if its host has room, which counts it there, else set it aside."""
        number, self._count = self._count, self._count + 1
        if number in self._foremost:
            return None
        try:
            fetch = wish if isinstance(wish, Fetch) else Fetch(wish)
        except FetchError as error:
            self._outcomes.append((number, error))
            self._notify()
            return None
        item, lineup = (number, fetch), self._lineup
        if not lineup.admits(fetch.url.origin):
            lineup.set_aside(fetch.url.origin, item, fetch.size)
            return None
        lineup.begin(fetch.url.origin)
        if len(self._crews) < self._most:
            self._grow()
        return item

    def _fail(self, error: Exception) -> None:
        self._exhausted = True
        self._trouble = error

    def _notify(self) -> None:
        if self._arrived is not None:
            self._arrived.set()
            self._arrived = None

    async def _end(self) -> None:
        """Cancel what is under way for us alone, and wait until no task of ours is left.

        What another caller waits for too is carried on, by a task that is the client's alone from now on.
        """
        for crew in tuple(self._crews):
            flight = crew.flight
            if flight is None or flight.scope is not crew.scope or flight.outcome is not None:
                crew.scope.cancel()  # it waits, for a wish, for room or for what another one carries out
                continue
            self._flights.leave(flight)
            if not flight.left:
                self._crews.discard(crew)
        while self._crews:
            self._arrived = signal()
            await self._arrived.wait()
