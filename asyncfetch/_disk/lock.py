"""Advisory locks on open files, and a mark that tells others what the holder is after.

Locks save bandwidth; correctness never depends on one. The lock is flock(2), which belongs to the open file, so that it
also keeps threads of one process apart and ends with the process. The mark is an open file description lock
(fcntl(2), Linux) on one byte far beyond any body: its position is a hash of the source, which a waiter can read.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import sys

MARKS_FROM = 1 << 62  # no file is that long (fcntl takes offsets up to 2**63 - 1)
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF, errno.EACCES, errno.EPERM}


class LockUnsupported(Exception):
    """This filesystem has no locks; its user works without."""


if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock an open file if nobody else has it."""
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(descriptor, MARKS_FROM, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EDEADLK}:
                return False
            raise LockUnsupported from error
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock an open file if nobody else has it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                raise LockUnsupported from error
            raise
        return True


def token(source: str) -> int:
    """Make the token of what a holder is after: 61 bits that say nothing of the source's secrets."""
    return int.from_bytes(hashlib.blake2b(source.encode(), digest_size=8).digest()) >> 3


if sys.platform == "linux":
    _FLOCK = struct.Struct("hhqqi4x")

    def mark(descriptor: int, token: int) -> None:
        """Leave a mark that ``marked`` of other processes reads; ``token`` has 61 bits."""
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, 0, MARKS_FROM + token, 1, 0))
        except OSError:
            return  # a waiter then learns less, that is all

    def marked(descriptor: int) -> int | None:
        """Read the mark of whoever else has one on this file."""
        try:
            found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, 0, MARKS_FROM, 0, 0))
        except OSError:
            return None
        kind, _, start, _, _ = _FLOCK.unpack(found)
        return None if kind == fcntl.F_UNLCK else start - MARKS_FROM

else:

    def mark(descriptor: int, token: int) -> None:
        """Leave no mark: this system has none."""

    def marked(descriptor: int) -> int | None:  # noqa: ARG001 - as above
        """Read no mark: this system has none."""
        return None
