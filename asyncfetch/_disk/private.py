"""Private parts: where a body goes when its part cannot be had, as another one holds it or the name is taken.

Rules: each is held by its lock, as far as there are locks, so that one whose process was killed is known by nobody
holding it. Who comes next removes those; where there are no locks, those that were left alone for a day.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time

from .lock import LockUnsupported, try_lock
from .names import private_path
from .note import FLAGS

_LOOKED_AT = 8  # numbers that are looked at for leftovers: more at a time are not written to one destination
_DAY = 86_400  # seconds


def open_private(destination: str, *, locked: bool) -> tuple[str, int]:
    """Make a private part, under the first number that is free; give its path and the open file. Raises OSError.

    ``locked`` False: where a lock would hang.
    """
    if locked:
        sweep(destination)
    number = 0
    while True:
        number += 1
        path = private_path(destination, number)
        try:
            descriptor = os.open(path, FLAGS | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        if not locked or _keep(path, descriptor):
            return path, descriptor
        os.close(descriptor)  # one who sweeps was faster


def _keep(path: str, descriptor: int) -> bool:
    try:
        if not try_lock(descriptor):
            return False
    except LockUnsupported:
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def has_left(destination: str) -> bool:
    """Tell whether there may be something to sweep; the cheap look that every fetch takes."""
    return os.access(private_path(destination, 1), os.F_OK)


def sweep(destination: str) -> None:
    """Remove the private parts of those who are gone. What cannot be removed is left."""
    for number in range(1, _LOOKED_AT + 1):
        with contextlib.suppress(OSError):
            _sweep_one(private_path(destination, number))


def _sweep_one(path: str) -> None:
    descriptor = os.open(path, FLAGS & ~os.O_CREAT)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or (hasattr(os, "geteuid") and about.st_uid != os.geteuid()):
            return  # what has other names too may go: they stay
        try:
            abandoned = try_lock(descriptor)
        except LockUnsupported:
            abandoned = time.time() - os.fstat(descriptor).st_mtime > _DAY
        if abandoned and os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False)):
            os.unlink(path)
    finally:
        os.close(descriptor)
