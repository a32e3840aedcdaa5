"""The same client for code that cannot await.

Every method is the one of ``asyncfetch.Client``, run on an event loop in a thread of the client's own: same names, same
arguments, same results, same errors. It works from any thread, from several at a time, in a process that runs an event
loop already (a notebook), and after a fork.

>>> from asyncfetch import sync
>>> def main():
...     with sync.Client() as client:
...         result = client.fetch("https://h.example/p.conda", "pkgs/", digest="sha256:...")
...         with client.open("s3://bucket/key") as body:
...             for chunk in body.chunks:
...                 ...

Ctrl-C raises KeyboardInterrupt at once, ends what the interrupted call was doing, and leaves parts that the next fetch
resumes. An observer is called on the client's own thread; it must not use the client.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from . import _once
from ._blocking import alone
from ._blocking.reader import Reader
from ._blocking.relay import Feed, Relay
from ._blocking.thread import LoopThread
from ._client import Client as AsyncClient
from ._model.errors import MistakeError
from ._model.fetch import several
from ._model.settings import Settings

if TYPE_CHECKING:
    import builtins
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Coroutine,
        Generator,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from types import TracebackType
    from typing import Self

    from ._model.errors import FetchError
    from ._model.exchange import Body
    from ._model.fetch import Fetch, Result
    from ._model.ports import Observer, Transport
    from ._model.url import Url
    from .repodata import Channel, Outcome, Records

__all__ = ["Client", "Reader", "fetch", "fetch_all", "prefetch", "read", "shards"]

P = ParamSpec("P")
T = TypeVar("T")

_ENTRIES = 1000  # of a listing that wait for their reader


def _blocking(
    method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Client, P], T]:
    """Make the blocking form of a method that is awaited."""

    @functools.wraps(method)
    def blocking(self: Client, /, *arguments: P.args, **named: P.kwargs) -> T:
        thread, client = self._there()
        return thread.call(method, client, *arguments, **named)

    return blocking


def _reading(
    method: Callable[Concatenate[AsyncClient, P], AbstractAsyncContextManager[Body]],
) -> Callable[Concatenate[Client, P], AbstractContextManager[Reader]]:
    """Make the blocking form of a method that opens a body."""

    @contextmanager
    @functools.wraps(method)
    def blocking(self: Client, /, *arguments: P.args, **named: P.kwargs) -> Iterator[Reader]:
        thread, client = self._there()
        with thread.entered(lambda: method(client, *arguments, **named)) as body, Reader(thread, body) as reader:
            yield reader

    return blocking


def _iterating(
    method: Callable[Concatenate[AsyncClient, P], AsyncIterator[T]],
) -> Callable[Concatenate[Client, P], Generator[T]]:
    """Make the blocking form of a method that is iterated over."""

    @functools.wraps(method)
    def blocking(self: Client, /, *arguments: P.args, **named: P.kwargs) -> Generator[T]:
        thread, client = self._there()
        make = cast("Callable[[], AsyncGenerator[T]]", lambda: method(client, *arguments, **named))
        yield from Relay(thread, make, _ENTRIES).items()

    return blocking


def _like(method: Callable[..., object]) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Take over name, signature and documentation; the type stays that of what is decorated."""

    def decorate(blocking: Callable[P, T]) -> Callable[P, T]:
        return functools.wraps(method)(blocking)

    return decorate


class Client:
    """Fetches URLs of every scheme there is a transport for, for threads that wait.

    The arguments are those of ``asyncfetch.Client``. Use it as a context manager, or call ``close``; a client that is
    neither left nor closed ends with the program. In a process that is forked it begins anew.
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
        self._make = functools.partial(
            AsyncClient, settings=settings, observer=observer, transports=transports, auth=auth, progress=progress
        )
        self._client = self._make()
        self._thread: LoopThread | None = None
        self._starting = threading.Lock()
        self._closed = False
        _clients.add(self)

    # --- life

    def __enter__(self) -> Self:
        self._there()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close(alone.patience(error))

    def close(self) -> None:
        """End what is under way, close every connection, and end the thread. The client is not used again."""
        self._close(None)

    def _close(self, patience: float | None) -> None:
        with self._starting:
            self._closed = True
        if self._thread is not None:
            self._thread.close(patience)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "new"
        return f"<sync {repr(self._client)[1:]}" if self._thread is not None else f"<sync Client {state}>"

    @property
    def settings(self) -> Settings:
        """The settings of the client."""
        return self._client.settings

    # --- fetching

    fetch = _blocking(AsyncClient.fetch)
    read = _blocking(AsyncClient.read)
    open = _reading(AsyncClient.open)
    stat = _blocking(AsyncClient.stat)
    list = _iterating(AsyncClient.list)

    @_like(AsyncClient.fetch_all)
    def fetch_all(self, fetches: Iterable[str | Url | Fetch]) -> builtins.list[Result | FetchError]:
        wishes = tuple(several(fetches))  # here: a generator of the caller's is not for another thread
        thread, client = self._there()
        return thread.call(client.fetch_all, wishes)

    @_like(AsyncClient.as_fetched)
    def as_fetched(self, fetches: Iterable[str | Url | Fetch]) -> Generator[Result | FetchError]:
        if hasattr(fetches, "__aiter__"):
            raise MistakeError("an async iterable is for asyncfetch.Client: here it would have no event loop")
        thread, client = self._there()
        width = client.settings.limits.total
        feed = Feed(thread, iter(several(fetches)), width)

        yield from Relay(thread, lambda: client.as_fetched(feed.items()), width, feed).items()

    # --- below

    def _there(self) -> tuple[LoopThread, AsyncClient]:
        """Give the thread and the client on it, which start with the first use."""
        thread = self._thread
        if thread is None:
            with self._starting:
                if self._closed:
                    raise MistakeError("this client is closed; make a new one")
                thread = self._thread
                if thread is None:
                    thread = LoopThread(self._client, "asyncfetch sync client")
                    thread.start()
                    self._thread = thread
                    # who drops a client without closing it has no way left to reach the thread
                    weakref.finalize(self, thread.stop)
        return thread, self._client

    def _begin_anew(self) -> None:
        """Be as new, also in a forked child: there is no thread, and what the parent has open is the parent's."""
        self._starting = threading.Lock()  # somebody may have held the old one
        self._thread = None
        self._client = self._make()


_clients: weakref.WeakSet[Client] = weakref.WeakSet()


def _begin_all_anew() -> None:
    for client in tuple(_clients):
        client._begin_anew()  # noqa: SLF001 - ours


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_anew)


fetch = alone.by_itself(_once.fetch)
read = alone.by_itself(_once.read)


@_like(_once.fetch_all)
def fetch_all(
    fetches: Iterable[str | Url | Fetch],
    *,
    settings: Settings = Settings(),
    observer: Observer | None = None,
    auth: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> list[Result | FetchError]:
    with Client(settings=settings, observer=observer, auth=auth, progress=progress) as client:
        return client.fetch_all(fetches)


def prefetch(
    channels: Iterable[str | Url | Channel],
    subdirs: Iterable[str],
    cache_dir: str | os.PathLike[str],
    *,
    client: Client | None = None,
    formats: Sequence[str] = ("zst", "json"),
    ttl: float | None = None,
    offline: bool = False,
    stale: bool = False,
    alias: str | Url = "https://conda.anaconda.org",
    tokens: Mapping[str, str] | None = None,
    limit: int = 4 * 1024**3,
) -> list[Outcome]:
    """Keep repodata fresh on disk: `asyncfetch.repodata.prefetch`, with a client of this module if any."""
    from . import repodata  # not before it is used: who only fetches does not pay for it

    work = functools.partial(
        repodata.prefetch, channels, subdirs, cache_dir,
        formats=formats, ttl=ttl, offline=offline, stale=stale, alias=alias, tokens=tokens, limit=limit,
    )  # fmt: skip
    return _with(client, work)


def shards(
    names: Iterable[str],
    channels: Iterable[str | Url | Channel],
    subdirs: Iterable[str],
    cache_dir: str | os.PathLike[str],
    *,
    client: Client | None = None,
    unverified: Iterable[str | Url | Channel] = (),
    ttl: float | None = None,
    offline: bool = False,
    stale: bool = False,
    alias: str | Url = "https://conda.anaconda.org",
    tokens: Mapping[str, str] | None = None,
) -> list[Records]:
    """Give the records of packages from shards: `asyncfetch.repodata.shards`, with a client of this module if any."""
    from . import repodata

    work = functools.partial(
        repodata.shards, names, channels, subdirs, cache_dir,
        unverified=unverified, ttl=ttl, offline=offline, stale=stale, alias=alias, tokens=tokens,
    )  # fmt: skip
    return _with(client, work)


def _with(client: Client | None, work: Callable[..., Coroutine[Any, Any, T]]) -> T:
    """Do something with a client that is lent, or without one."""
    if client is None:
        return alone.by_itself(work)()
    thread, there = client._there()  # noqa: SLF001 - ours
    return thread.call(work, client=there)
