"""What callers write, taken for what they mean: the arguments that prefetch and shards share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar, cast

from anyio import to_thread

from .._model.errors import MistakeError
from .._model.url import Url
from . import _tokens
from ._channels import Channel, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._client import Client
    from ._channels import Place

T = TypeVar("T")


def each(what: Iterable[T]) -> tuple[T, ...]:
    """Take several; who gives one alone means that one, not its letters."""
    alone: object = what
    return (cast("T", alone),) if isinstance(alone, str | Url | Channel) else tuple(what)


def seconds(ttl: object) -> float | None:
    """Take a ttl. Raises MistakeError."""
    if ttl is None or (isinstance(ttl, int | float) and ttl >= 0):
        return ttl
    raise MistakeError(f"ttl is a number of seconds from 0 on, or None, not {ttl!r}")


async def tokens_by_origin(
    tokens: Mapping[str, str] | None, client: Client | None
) -> dict[tuple[str, str, int | None], str]:
    """Take the tokens a caller gives, else those that are stored. Raises InvalidUrl and MistakeError."""
    if tokens is not None:
        return _tokens.given(tokens)
    trust_env = client is None or client.settings.trust_env
    return await to_thread.run_sync(_tokens.stored, os.environ) if trust_env else {}


def places(
    channels: Iterable[Channel],
    subdirs: Iterable[str],
    alias: str | Url,
    by_origin: Mapping[tuple[str, str, int | None], str],
) -> list[Place]:
    """Give the subdirs of the channels, in the order of channels. Raises InvalidUrl and MistakeError."""
    named = each(subdirs)
    return [
        place(channel, name, sources)
        for channel in channels
        for sources in [channel.sources(Url.of(alias), by_origin)]
        for name in named
    ]
