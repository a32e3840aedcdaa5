"""What of a part with islands is really on the disk.

A part that was written in order is as long as what reached the disk, also when the power failed. One that was written
in pieces is as long as its last piece; what the note vouches for before it may never have been written back. Such
stretches are holes in the file, and filesystems tell where those are (lseek(2), SEEK_HOLE).
"""

from __future__ import annotations

import os

from .._model.exchange import NOTHING, Held


def without_holes(descriptor: int, held: Held) -> Held:
    """Give what is held without the bytes that lie in a hole; as it is where the system does not tell."""
    if not hasattr(os, "SEEK_HOLE"):
        return held
    front = _data_end(descriptor, 0, held.length)
    if front == 0:
        return NOTHING
    islands = [(start, _data_end(descriptor, start, end)) for start, end in held.islands]
    return Held(front, held.validator, tuple([(start, end) for start, end in islands if end > start]))


def _data_end(descriptor: int, start: int, end: int) -> int:
    """Give the byte up to which there are data from ``start`` on, at most ``end``."""
    try:
        return max(start, min(end, os.lseek(descriptor, start, os.SEEK_HOLE)))
    except OSError:  # it does not know, or nothing is there
        return start
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
