"""The one-shot forms: ``asyncfetch.fetch``, ``read`` and ``fetch_all``, each with a client of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._client import Client
from ._model.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._model.errors import FetchError
    from ._model.exchange import Validator
    from ._model.fetch import Fetch, PathLike, Result
    from ._model.ports import Observer
    from ._model.url import Url


async def fetch(
    what: str | Url | Fetch,
    to: str | PathLike | None = None,
    *,
    digest: str | Iterable[str] | None = None,
    size: int | None = None,
    mirrors: Iterable[str | Url] = (),
    unless: Validator | None = None,
    headers: Mapping[str, str] | None = None,
    settings: Settings = Settings(),
    observer: Observer | None = None,
    auth: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> Result:
    """Fetch one URL with a client of its own; arguments as for ``Client`` and ``Client.fetch``."""
    async with Client(settings=settings, observer=observer, auth=auth, progress=progress) as client:
        return await client.fetch(what, to, digest=digest, size=size, mirrors=mirrors, unless=unless, headers=headers)


async def read(
    url: str | Url,
    *,
    limit: int | None = None,
    headers: Mapping[str, str] | None = None,
    settings: Settings = Settings(),
    auth: Mapping[str, Any] | None = None,
) -> bytes:
    """Read one body into memory with a client of its own; arguments as for ``Client`` and ``Client.read``."""
    async with Client(settings=settings, auth=auth) as client:
        return await client.read(url, limit=limit, headers=headers)


async def fetch_all(
    fetches: Iterable[str | Url | Fetch],
    *,
    settings: Settings = Settings(),
    observer: Observer | None = None,
    auth: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> list[Result | FetchError]:
    """Fetch many with a client of its own; arguments as for ``Client`` and ``Client.fetch_all``."""
    async with Client(settings=settings, observer=observer, auth=auth, progress=progress) as client:
        return await client.fetch_all(fetches)
