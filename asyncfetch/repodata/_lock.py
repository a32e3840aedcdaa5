"""Byte 21 of a state file: the lock that conda takes around reading and writing it.

conda takes a POSIX record lock, which keeps processes apart but not the threads of one. Where the system has them we
take an open file description lock on the same byte (fcntl(2), Linux): it conflicts with conda's, and with our own
threads' too. Correctness does not depend on it, since everything is put in place by a rename: where there are no locks,
or a holder never lets go, we go on without.
"""

from __future__ import annotations

import os
import struct
import sys

_BYTE = 21
_CREATE = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import errno
    import fcntl

    _FLOCK = struct.Struct("hhqqi4x")
    _TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}

    def _try_lock(descriptor: int) -> bool:
        try:
            if sys.platform == "linux":
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _BYTE, 1, 0))
            else:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _BYTE)
        except OSError as error:
            return error.errno not in _TAKEN  # a filesystem without locks: there is nothing to wait for
        return True


class StateLock:
    """The lock of one state file. Blocking calls, each of them brief."""

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def take(self) -> bool:
        """Take the lock if it is free; the file is made if it is not there. Raises OSError."""
        descriptor = os.open(self._path, _CREATE, 0o666)
        try:
            if _try_lock(descriptor) and _is_at(descriptor, self._path):
                self._descriptor, descriptor = descriptor, -1
                return True
            return False
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def release(self) -> None:
        """Let go, if it is held."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _is_at(descriptor: int, path: str) -> bool:
    """Tell whether the file that is locked is still the one of that name: a state is replaced, never rewritten."""
    if sys.platform == "win32":  # an open file is not replaced there
        return True
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)
