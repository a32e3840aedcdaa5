"""What an observer sees of a fetch, in order: Started, Advanced..., Retrying..., then Finished or Failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import FetchError
    from .fetch import Fetch, Result
    from .url import Url


@dataclass(frozen=True, slots=True)
class Started:
    """A source answered: its body of ``size`` bytes (None if not said) begins to arrive at ``offset``."""

    fetch: Fetch
    source: Url
    size: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """``done`` bytes of ``size`` are here; at most 10 a second for each fetch."""

    fetch: Fetch
    done: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Retrying:
    """An attempt failed with ``error``; ``source`` is asked next, after ``pause`` seconds."""

    fetch: Fetch
    error: FetchError
    source: Url
    pause: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The file is whole, verified and in its place."""

    fetch: Fetch
    result: Result


@dataclass(frozen=True, slots=True)
class Failed:
    """The fetch is given up."""

    fetch: Fetch
    error: FetchError


Event = Started | Advanced | Retrying | Finished | Failed
