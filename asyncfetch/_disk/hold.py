"""The open file at NAME.part: ours, locked, and still the one that the path names.

Blocking. Rules: it is opened without following links and is a plain file of ours; whoever holds its lock writes it; who
cannot have the lock writes a private part under another name.
"""

from __future__ import annotations

import contextlib
import errno
import os
from enum import Enum

from .lasting import may_be_remote
from .lock import LockUnsupported, mark, marked, token, try_lock
from .names import is_shortened, note_path, part_path
from .note import FLAGS, closed_unless_plain
from .private import has_left, open_private, sweep

_TRIES = 3  # of opening a part that others commit under our hands
_NOT_OURS = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EMLINK}  # EMLINK: a link, on BSD


class Access(Enum):
    """What came of trying to open a part."""

    OURS = "ours"  # it is open and locked
    BUSY = "busy"  # another one is writing it
    ARRIVED = "arrived"  # another one wrote what we want, and it is the destination now


class Hold:
    """The hold on the part of one destination. What the file has in it concerns the `Part` that it is."""

    __slots__ = (
        "_descriptor",
        "_identity",
        "_length",
        "_owned",
        "_private",
        "_source",
        "_waited_for_ours",
        "destination",
        "path",
    )

    def __init__(self, destination: str, *, source: str) -> None:
        self.destination = destination
        self.path = part_path(destination)
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None  # of the open file: where it is, and which one there
        self._private = False
        self._owned = False
        self._source = source
        self._length = 0  # of the file on disk, as far as it matters
        self._waited_for_ours = False

    def open(self) -> Access:
        """Open and lock the part, and read what it holds. Again after BUSY, to see whether that changed."""
        for _ in range(_TRIES):
            created = False
            if self._descriptor < 0:
                self._descriptor, created = self._open_in_place()
                if self._descriptor < 0:
                    return self.open_private()
            try:
                if not try_lock(self._descriptor):
                    if marked(self._descriptor) == token(self._source):
                        self._waited_for_ours = True
                    return Access.BUSY
            except LockUnsupported:
                self._drop()
                if created:  # nobody writes it: where there are no locks, parts are private
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self.path)
                return self.open_private()
            if self._is_current():
                self._owned = True
                mark(self._descriptor, token(self._source))
                if has_left(self.destination):
                    sweep(self.destination)
                self._taken_hold()
                return Access.OURS
            # its holder committed or removed it while we waited
            arrived = self._waited_for_ours and self._is_destination()
            self._drop()
            if arrived:
                return Access.ARRIVED
        return Access.BUSY

    def adopt(self, descriptor: int) -> None:
        """Have the part be a file that is open already, to be looked into by `open`."""
        self._descriptor, self._owned = descriptor, True

    def _open_in_place(self) -> tuple[int, bool]:
        if is_shortened(self.destination):
            # known now or after all has been fetched: whether the name itself is too long
            with contextlib.suppress(FileNotFoundError):
                os.lstat(self.destination)
        try:
            return _open_ours(self.path)
        except FileNotFoundError:
            parent = os.path.dirname(self.path)
            if not parent:
                raise
            os.makedirs(parent, exist_ok=True)
            return _open_ours(self.path)

    def open_private(self, *, locked: bool = True) -> Access:
        """Open a part of our own under a name that nobody else uses; it never resumes."""
        self._drop()
        self.path, self._descriptor = open_private(self.destination, locked=locked)
        self._private = self._owned = True
        self._taken_hold()
        return Access.OURS

    def watch(self) -> tuple[int, int]:
        """Give size and mtime_ns of the part that another one is writing."""
        if self._descriptor < 0:  # each time we opened it, its holder was just done with it
            return 0, 0
        about = os.fstat(self._descriptor)
        return about.st_size, about.st_mtime_ns

    @property
    def is_near(self) -> bool:
        """Whether it is on a disk of this machine, as far as the system says."""
        return self._identity is not None and not may_be_remote(self._identity[0])

    @property
    def note_path(self) -> str:
        """Where the note is."""
        return note_path(self.path)

    def _is_destination(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.destination))
        except FileNotFoundError:
            return False

    def _is_current(self) -> bool:
        try:
            about = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        self._length = about.st_size
        if self._identity is None:
            ours = os.fstat(self._descriptor)
            self._identity = (ours.st_dev, ours.st_ino)
        return self._identity == (about.st_dev, about.st_ino)

    @property
    def is_open(self) -> bool:
        """Whether the file is open, locked or not."""
        return self._descriptor >= 0

    def fileno(self) -> int:
        """The open file."""
        return self._descriptor

    # --- inside

    def _taken_hold(self) -> None:
        """The file is ours now: look at what it holds."""
        raise NotImplementedError

    def _drop(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor, self._identity = self._descriptor, -1, None
            os.close(descriptor)


def _open_ours(path: str) -> tuple[int, bool]:
    """Open a part that is a plain file of ours, and tell whether it is new; -1 when something else has the name."""
    for _ in range(_TRIES):
        try:
            return os.open(path, FLAGS | os.O_EXCL, 0o666), True
        except FileExistsError:
            pass
        try:
            descriptor = os.open(path, FLAGS & ~os.O_CREAT)
        except FileNotFoundError:  # another one took it away in between
            continue
        except OSError as error:
            if error.errno in _NOT_OURS and os.path.lexists(path):  # a link, a directory, a file of somebody else
                return -1, False
            raise
        if not closed_unless_plain(descriptor):
            return -1, False
        if not hasattr(os, "O_NOFOLLOW") and os.path.islink(path):  # Windows: it may be anybody's file
            os.close(descriptor)
            return -1, False
        return descriptor, False
    return -1, False


def remove(path: str) -> None:
    """Take a name away, if it is there."""
    try:  # noqa: SIM105 - contextlib.suppress costs as much as the system call
        os.unlink(path)
    except FileNotFoundError:
        pass
