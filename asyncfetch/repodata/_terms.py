"""What is the same for every subdir of a prefetch: what its caller asked for, and the means to do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._client import Client
    from .._disk.disk import Disk


@dataclass(frozen=True, slots=True)
class Terms:
    """What the caller asked for.

    ``ttl`` is in seconds (None or 1: the source's own), ``limit`` in bytes of json, ``began_ns`` in ns since 1970.
    """

    formats: tuple[str, ...]
    ttl: float | None
    limit: int
    stale: bool
    offline: bool
    began_ns: int


@dataclass(frozen=True, slots=True)
class Means:
    """A client to ask with, and the threads and buffers through which bodies pass."""

    client: Client
    disk: Disk
