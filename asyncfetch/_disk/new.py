"""A part that is made, written and renamed by one who knows that it is small: a `Part` without all that may come up.

Blocking, for microseconds. Rules: as for every part. What does not go well is left to a `Part`, which takes the open
file over.
"""

from __future__ import annotations

import os

from .hold import remove
from .lock import LockUnsupported, try_lock
from .names import note_path, part_path
from .note import FLAGS

_NEW = FLAGS | os.O_EXCL


class NewPart:
    """The part of a destination, when nobody has made one yet."""

    __slots__ = ("descriptor", "destination", "path")

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self.path = part_path(destination)
        self.descriptor = -1

    def open(self) -> bool:
        """Make and lock it; False when there is more to it."""
        try:
            descriptor = os.open(self.path, _NEW, 0o666)
        except OSError:
            return False
        try:
            if try_lock(descriptor):
                self.descriptor = descriptor
                return True
        except LockUnsupported:
            remove(self.path)
        except OSError:  # of whatever kind: `Part` finds the same
            pass
        os.close(descriptor)
        return False

    def put(self, view: memoryview) -> bool:
        """Write a whole body, put it in the place of the destination, and close it.

        False when that could not be: it is open still, and what is in it is worth nothing.
        """
        descriptor, path = self.descriptor, self.path
        try:
            ours, there = os.fstat(descriptor), os.lstat(path)
            if ours.st_ino != there.st_ino or ours.st_dev != there.st_dev:
                return False  # another one locked and committed it first: it is the destination now
            note = note_path(path)
            if os.access(note, os.F_OK):  # it must not vouch for new bytes; an unlink in vain costs 1 us more
                remove(note)
            if os.pwrite(descriptor, view, 0) != len(view):  # a `Part` would begin where it stands
                return False
            os.replace(path, self.destination)
        except OSError:
            return False
        self.descriptor = -1
        try:  # noqa: SIM105 - contextlib.suppress costs as much as the system call
            os.close(descriptor)
        except OSError:  # the file is there
            pass
        return True

    def drop(self) -> None:
        """Take it away again, if it was not put in its place."""
        if self.descriptor < 0:
            return
        try:
            if os.path.samestat(os.fstat(self.descriptor), os.lstat(self.path)):
                remove(self.path)
        except OSError:  # somebody else did
            pass
        finally:
            os.close(self.descriptor)
