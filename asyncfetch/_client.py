"""Client: the composition root. The one place that knows all: gates, flights, transports, disk."""

from __future__ import annotations

import logging
import time
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from ._asking import Asking, listed
from ._batch import Batch
from ._disk.disk import Disk
from ._flights import Flights
from ._gates import Gates, Pace
from ._hosts import Hosts
from ._model.errors import FetchError, MistakeError, Offline
from ._model.exchange import Request
from ._model.fetch import Fetch, Result, is_count
from ._model.settings import Settings
from ._model.url import Url
from ._observers import all_of, make_bars
from ._pulse import Pulse
from ._stream import streamed
from ._surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
    from types import TracebackType
    from typing import Self, TypeVar

    from anyio.abc import TaskGroup

    from ._model.exchange import Body, Entry, Stat, Validator
    from ._model.fetch import PathLike
    from ._model.ports import Observer, Transport

    T = TypeVar("T")

log = logging.getLogger("asyncfetch")


class Client:
    """Fetches URLs of every scheme there is a transport for.

    ``observer(event)`` is called on the loop. ``transports`` maps schemes to Transport objects of yours, which you
    close. ``auth`` maps URL prefixes to ``(user, password)``, ``Bearer`` or an ``httpx.Auth``. ``progress`` draws bars
    on a terminal or in a notebook (extra ``cli``). Use it as a context manager, in one task; its methods may be called
    from any task of the same loop.

    >>> async def main():
    ...     async with Client() as client:
    ...         result = await client.fetch("https://h.example/p.conda", "pkgs/", digest="sha256:...")
    """

    def __init__(
        self,
        *,
        settings: Settings = Settings(),
        observer: Observer | None = None,
        transports: Mapping[str, Transport] | None = None,
        auth: Mapping[str, Any] | None = None,
        progress: bool = False,
    ) -> None:
        if not isinstance(settings, Settings):
            raise MistakeError(f"settings are asyncfetch.Settings, not {type(settings).__name__}")
        if observer is not None and not callable(observer):
            raise MistakeError(f"the observer is called with each event, which a {type(observer).__name__} cannot be")
        for name, mapping in (("transports", transports), ("auth", auth)):
            if mapping is not None and not hasattr(mapping, "items"):
                raise MistakeError(f"{name}= is a mapping, not {type(mapping).__name__}")
        self.settings = settings
        self._bars = make_bars() if progress else None
        self._observer = all_of(observer, self._bars)
        self._lent: dict[str, Transport] = {scheme.lower(): one for scheme, one in (transports or {}).items()}
        self._made: dict[object, Transport] = {}
        self._building: dict[object, anyio.Event] = {}
        self._auth = dict(auth or {})
        self._tasks: TaskGroup | None = None
        self._state = "new"

    # --- life

    async def __aenter__(self) -> Self:
        if self._state != "new":
            raise MistakeError(f"this client is {self._state}; make a new one")
        if self.settings.trust.verify is False:
            import warnings

            warnings.warn("asyncfetch does not verify certificates (Trust.verify is False)", stacklevel=2)
        self._disk = Disk()
        clock = time.perf_counter
        limits = self.settings.limits
        self._gates = Gates(limits, clock, self.settings.retry)
        self._pulse = Pulse(clock)
        around = Surroundings(
            self.settings,
            clock=clock,
            gates=self._gates,
            hosts=Hosts(self._gates, clock, paced=limits.rate is not None),
            pulse=self._pulse,
            pace=None if limits.rate is None else Pace(limits.rate, clock),
            observer=self._observer,
            lent=self._lent,
            build=self._build_for,
        )
        self._around = around
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._state = "open"
        self._flights = Flights(around, self._disk, self._tasks)
        self._tasks.start_soon(self._pulse.run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        assert self._tasks is not None
        self._state = "closed"
        self._tasks.cancel_scope.cancel()
        # what the caller's block raised is the caller's: a task group would wrap it into an ExceptionGroup. Only a
        # cancellation is shown to it, which may be its own
        try:
            if isinstance(error, anyio.get_cancelled_exc_class()):
                return await self._tasks.__aexit__(kind, error, traceback)
            await self._tasks.__aexit__(None, None, None)
            return None
        except BaseExceptionGroup as group:  # Ctrl-C on trio may strike in any task, ours too
            raise _only(group) from None
        finally:
            with anyio.CancelScope(shield=True):
                for transport in self._made.values():
                    await transport.aclose()
                await self._disk.aclose()
                if self._bars is not None:
                    await anyio.to_thread.run_sync(self._bars.close)

    def __repr__(self) -> str:
        if self._state != "open":
            return f"<Client {self._state}>"
        return f"<Client open: {self._gates!r}, {', '.join(sorted(self._lent)) or 'no scheme'} in use>"

    # --- fetching

    async def fetch(
        self,
        what: str | Url | Fetch,
        to: str | PathLike | None = None,
        *,
        digest: str | Iterable[str] | None = None,
        size: int | None = None,
        mirrors: Iterable[str | Url] = (),
        unless: Validator | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Result:
        """Fetch one URL into a file, or into memory when ``to`` is None.

        ``to`` is a file path or a directory; ``digest`` one or several "sha256:HEX" that must hold, or "sha256" to
        compute one; ``size`` in bytes must hold; ``mirrors`` are tried when the URL will not do; ``unless`` asks
        conditionally. Raises FetchError: the destination is then what it was before.
        """
        if isinstance(what, Fetch):
            if any(value is not None for value in (to, digest, size, unless, headers)) or mirrors:
                raise MistakeError("a Fetch holds all the arguments itself", url=what.url)
            wish = what
        else:
            wish = Fetch(what, to, mirrors=mirrors, digest=digest, size=size, unless=unless, headers=headers)
        return await self._ready().fetch(wish)

    async def fetch_all(self, fetches: Iterable[str | Url | Fetch]) -> list[Result | FetchError]:
        """Fetch many; a list in their order, with the Result or the FetchError of each. One failure ends no other."""
        batch = Batch(self._ready(), fetches, self.settings.limits)
        async with aclosing(batch.outcomes()) as stream:
            outcomes = {number: outcome async for number, outcome in stream}
        return [outcomes[number] for number in range(len(outcomes))]

    async def as_fetched(
        self, fetches: Iterable[str | Url | Fetch] | AsyncIterable[str | Url | Fetch]
    ) -> AsyncGenerator[Result | FetchError, None]:
        """Fetch many; each Result or FetchError as it is there (``error.fetch`` is the wish). Any number of wishes."""
        async with aclosing(Batch(self._ready(), fetches, self.settings.limits).outcomes()) as stream:
            async for _, outcome in stream:
                yield outcome

    async def read(
        self, url: str | Url, *, limit: int | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Fetch a body of at most ``limit`` bytes (by default ``Limits.memory``) into memory. Raises TooLarge."""
        if limit is not None and not is_count(limit):
            raise MistakeError(f"the limit is a number of bytes, not {limit!r}")
        result = await self._ready().fetch(Fetch(url, headers=headers), limit)
        assert result.content is not None
        return result.content

    @asynccontextmanager
    async def open(
        self,
        url: str | Url,
        *,
        headers: Mapping[str, str] | None = None,
        unless: Validator | None = None,
        offset: int = 0,
    ) -> AsyncIterator[Body]:
        """Open a body as a stream: ``async with client.open(url) as body: async for chunk in body.chunks``.

        Chunks are given as they come. What fails is tried again as the settings say, also after a cut in the middle
        where a strong validator proves that the rest belongs to what was given; else it is raised to the reader.
        ``offset`` asks for the bytes from there on; a source may send all nevertheless: ``body.offset`` tells.
        """
        self._ready()
        wish = Fetch(url, headers=headers, unless=unless)
        if not is_count(offset):
            raise MistakeError(f"the offset is a number of bytes, not {offset!r}", url=wish.url)
        transport = await self._transport(wish.url)
        assert self._tasks is not None
        async with streamed(wish, transport, self._around, self._tasks, offset) as body:
            yield body

    async def stat(self, url: str | Url, *, headers: Mapping[str, str] | None = None) -> Stat:
        """Ask for size, time, validator and type without the body."""
        self._ready()
        wish = Fetch(url, headers=headers)
        asking = Asking(self._around, await self._transport(wish.url), wish.url)
        request = Request(wish.url, headers=wish.headers, ready=self._gates.ready)
        with asking.bounded():
            return await asking.answer(lambda transport: transport.stat(request))

    async def list(self, url: str | Url) -> AsyncGenerator[Entry, None]:
        """List what is below a URL: s3, ftp and file. Raises UnsupportedScheme for the others.

        What fails before the first entry is tried again as the settings say.
        """
        self._ready()
        parsed = Url.of(url)
        async with aclosing(listed(self._around, await self._transport(parsed), parsed)) as entries:
            async for entry in entries:
                yield entry

    # --- below

    async def _transport(self, url: Url) -> Transport:
        if self.settings.offline and url.scheme != "file":
            raise Offline("the source is not on this machine", url=url)
        return self._lent.get(url.scheme) or await self._build_for(url)

    async def _build_for(self, url: Url) -> Transport:
        try:
            return await self._build(url.scheme)
        except FetchError as error:
            error.url = error.url or str(url)
            raise

    async def _build(self, scheme: str) -> Transport:
        """Load and build a transport in a thread: some take a third of a second, and the loop has others to serve."""
        from ._transports import registry

        kind = await anyio.to_thread.run_sync(registry.maker, scheme)
        while kind in self._building:
            await self._building[kind].wait()
        if scheme in self._lent:
            return self._lent[scheme]
        if kind in self._made:  # http and https are one transport, ftp and ftps too
            self._lent[scheme] = self._made[kind]
            return self._made[kind]
        built = self._building[kind] = anyio.Event()
        try:
            make = partial(kind, self.settings, auth=self._auth, lend=self._lend)
            transport: Transport = await anyio.to_thread.run_sync(make)
            self._made[kind] = self._lent[scheme] = transport
            return transport
        finally:
            del self._building[kind]
            built.set()

    async def _lend(self, scheme: str) -> Transport:
        return self._lent.get(scheme) or await self._build(scheme)

    def _ready(self) -> Flights:
        if self._state != "open":
            raise MistakeError(f"this client is {'not entered' if self._state == 'new' else self._state}", hint=_ENTER)
        return self._flights


_ENTER = "use it inside `async with asyncfetch.Client() as client:`"


def _only(group: BaseException) -> BaseException:
    """Take a lone exception out of its groups: nobody sees our task group, so nobody should have to know of it."""
    while isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group
