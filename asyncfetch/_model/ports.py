"""The protocols at which the floors meet.

Implement Transport to serve a new scheme; ``asyncfetch.testing.check_transport`` runs its rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from .digest import Digest
    from .events import Event
    from .exchange import Body, Entry, Held, Reply, Request, Small, Stat, Validator
    from .url import Url

    Observer = Callable[[Event], None]


@runtime_checkable
class Transport(Protocol):
    """A far end: opens the body of one URL of its scheme, and does nothing else.

    It never retries, never touches the destination, and raises errors of the tree only. Several bodies may be open at
    a time. Leaving ``open`` early, also by cancellation, gives back or drops the connection at once.
    """

    def open(self, request: Request) -> AbstractAsyncContextManager[Body]:
        """Make one exchange. The answer is FULL, PARTIAL from ``request.offset``, or UNCHANGED."""

    async def stat(self, request: Request) -> Stat:
        """Tell size, time, validator and type without the body."""

    def list(self, url: Url) -> AsyncIterator[Entry]:
        """List what is below the URL. Raises UnsupportedScheme where the scheme has no listing."""

    async def aclose(self) -> None:
        """Close what is open; the transport is not used again."""


class PromptOpening(Protocol):
    """What ``open`` of a transport gives whose class says ``prompt = True``."""

    async def small(self) -> Small | None:
        """Ask, and give a body that is so small that it lies here whole: then `close` takes the place of entering.

        None where there is more to it, also if it failed: it is to be entered then, which asks nothing twice.
        """

    def close(self) -> None:
        """Leave without having entered; what `small` gave was read."""

    async def __aenter__(self) -> Body:
        """Enter, as what every transport gives."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave."""


class Exchanger(Protocol):
    """Who can make one HTTP exchange: each lane of the http transport, and the http transport itself, for s3.

    ``send`` follows no redirect, adds no credentials, and raises nothing but errors of the tree: ConnectFailed,
    TimedOut, Interrupted, Untrusted, AccessDenied (by a proxy), ProtocolViolation, TooLarge. Any status is a Reply.
    ``headers`` are sent as given, Host, Connection and framing excepted, which are the lane's own business. ``ready``
    is called with the URL once there is a connection and only the writing is left; what it raises ends the exchange.
    """

    def send(
        self, method: str, url: Url, headers: list[tuple[str, str]], ready: Callable[[Url], None] | None = None
    ) -> AbstractAsyncContextManager[Reply]:
        """Send a request without a body and give the reply once its head is here."""

    async def aclose(self) -> None:
        """Close every connection."""


@runtime_checkable
class Absorbing(Protocol):
    """A near end that can have the kernel copy from an open file."""

    async def absorb(self, descriptor: int, offset: int, size: int) -> int:
        """Copy some of the bytes from ``offset`` to ``size``; give their number, 0 at the end of the file."""


class Receiver(Protocol):
    """Where the bytes of one connection go. Between ``lend`` and ``take`` the buffer is the caller's."""

    def lend(self, hint: int | None) -> memoryview | None:
        """Lend a buffer for the next bytes (``hint``: how many are left, if known); None when none is free just now."""

    async def room(self) -> None:
        """Wait until ``lend`` is worth another call."""

    def take(self, count: int) -> None:
        """Take the buffer lent last back, with so many bytes in it (0: none)."""


class Sink(Receiver, Protocol):
    """A near end: lends buffers, takes them back filled, and in the end commits the whole body or nothing.

    Entered once a fetch, whatever the number of attempts.
    """

    @property
    def held(self) -> Held:
        """What is here already and good as far as the sink knows."""

    async def __aenter__(self) -> Sink:
        """Find out what is already there: ``held``."""

    async def __aexit__(self, *exc_info: object) -> None:
        """Release everything; what arrived is kept for a later fetch where that can be."""

    async def begin(self, validator: Validator, size: int | None, *, offset: int, digests: tuple[Digest, ...]) -> None:
        """Keep ``offset`` bytes of what is held, drop the rest; what follows comes with this validator."""

    async def commit(self) -> tuple[Digest, ...]:
        """Verify the digests, put the body in its place, and give the digests computed."""
