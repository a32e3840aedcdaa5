"""What callers write, taken for what they mean: the arguments that prefetch and shards share."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from .._model.errors import MistakeError
from .._model.url import Url
from ._channels import Channel, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._transports.http.tokens import Site
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


def places(
    channels: Iterable[Channel],
    subdirs: Iterable[str],
    alias: str | Url,
    tokens: Sequence[Site],
) -> list[Place]:
    """Give the subdirs of the channels, in the order of channels. Raises InvalidUrl and MistakeError."""
    named = each(subdirs)
    return [
        place(channel, name, sources, tokens)
        for channel in channels
        for sources in [channel.sources(Url.of(alias))]
        for name in named
    ]
