"""Outcome: what became of one subdir of one channel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._model.errors import FetchError


class Status(StrEnum):
    """How a subdir came to be what it is on disk; equal to its name in lower case.

    >>> Status.FETCHED == "fetched"
    True
    """

    FETCHED = "fetched"  # a new file came whole
    PATCHED = "patched"  # the file held was brought up to date by its patches (JLAP)
    UNCHANGED = "unchanged"  # the source was asked, and says that the file held is the current one
    FRESH = "fresh"  # the file held is young enough, or must do: nobody was asked
    ABSENT = "absent"  # the channel has no such subdir; on disk it is empty
    FAILED = "failed"  # see ``error``


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one subdir of one channel.

    ``channel`` is what the caller named, without its secrets. ``path`` is the repodata.json to read, None when there is
    none that may be read. ``error`` says why it failed. ``bytes_transferred`` counts the bytes of bodies that crossed
    the wire. ``stale``: the file was not shown to be current, and is given because the caller allows that (offline, or
    ``stale=True`` and the source failed).
    """

    channel: str
    subdir: str
    path: str | None
    status: Status
    error: FetchError | None = None
    bytes_transferred: int = 0
    stale: bool = False
