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

from . import _client
from ._blocking.reader import Reader
from ._blocking.relay import Feed, Relay
from ._blocking.thread import LoopThread
from ._client import Client as AsyncClient
from ._model.errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType
    from typing import Self

    from ._model.errors import FetchError
    from ._model.exchange import Body
    from ._model.fetch import Fetch, PathLike, Result
    from ._model.ports import Observer, Transport
    from ._model.settings import Settings
    from ._model.url import Url

__all__ = ["Client", "Reader", "fetch", "fetch_all", "read"]

P = ParamSpec("P")
T = TypeVar("T")

_ENTRIES = 1000  # of a listing that wait for their reader


def _blocking(method: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Client, P], T]:
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
