"""What the parts of one client share: settings, clock, gates, transports, and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._gates import Gates, Pace
    from ._hosts import Hosts
    from ._model.ports import Observer, Transport
    from ._model.settings import Settings
    from ._model.url import Url
    from ._pulse import Pulse


class Rest(Protocol):
    """Who is told that a transfer begins to wait for a source to recover, or goes on."""

    def __call__(self, *, begins: bool) -> None:
        """Hear of it."""


class Surroundings:
    """What a transfer needs of its client."""

    __slots__ = ("build", "clock", "gates", "hosts", "lent", "observer", "pace", "pulse", "settings")

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float],
        gates: Gates,
        hosts: Hosts,
        pulse: Pulse,
        pace: Pace | None,
        observer: Observer | None,
        lent: dict[str, Transport],
        build: Callable[[Url], Awaitable[Transport]],
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.gates = gates
        self.hosts = hosts
        self.pulse = pulse
        self.pace = pace
        self.observer = observer
        self.lent = lent
        self.build = build
