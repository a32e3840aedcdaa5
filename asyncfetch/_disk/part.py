"""A body on its way to becoming a file: what NAME.part holds, the note that vouches for it, and the one rename.

Blocking; every method runs in a worker thread, one at a time. The destination is replaced in one step, or not touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from .._model.exchange import NOTHING, Held
from .._policy.coverage import Coverage
from .copy import copy_some, hard_link
from .hold import Hold, remove
from .lasting import flush_on_nfs, may_be_remote, sync_directory
from .names import private_path
from .note import Note, read_note
from .private import has_left
from .sparse import without_holes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model.exchange import Validator
    from .._policy.coverage import Span

_SYNCED = 16 * 1024 * 1024  # bytes between two syncs of a durable part


class Part(Hold):
    """The part of one destination."""

    __slots__ = ("_coverage", "_durable", "_linked", "_note", "_unsynced", "held", "position", "spent")

    def __init__(self, destination: str, *, source: str, durable: bool) -> None:
        super().__init__(destination, source=source)
        self.held: Held = NOTHING
        self.position = 0  # where the next byte goes
        self.spent = 0.0  # seconds that writing took
        self._durable = durable
        self._note: Note | None = None
        self._linked = -1  # an open file of which the destination is to be another name
        self._unsynced = 0  # bytes of a durable part that may not be on the disk, and are not vouched for
        self._coverage: Coverage | None = None  # of a body that comes in pieces

    def _taken_hold(self) -> None:
        self.held = NOTHING
        if self._length and not self._private:
            held = read_note(self.note_path, self._length)
            self.held = without_holes(self._descriptor, held) if held.islands else held

    def tidy(self) -> None:
        """Remove what an earlier fetch left beside a destination that is right, unless somebody is at it."""
        if os.access(self.path, os.F_OK) or os.access(self.note_path, os.F_OK) or has_left(self.destination):
            with contextlib.suppress(OSError):  # the destination is right, whatever becomes of the rest
                self.open()
                self.close(keep=False)

    # --- writing

    def begin(
        self, validator: Validator, size: int | None, offset: int, islands: Sequence[Span] = (), *, noted: bool
    ) -> None:
        """Keep ``offset`` bytes and the islands, drop the rest; ``noted``: a later fetch may resume what follows."""
        self._close_note()
        self._close_linked()
        scattered, self._coverage = self._coverage is not None, Coverage(offset, islands) if islands else None
        reach = islands[-1][1] if islands else offset
        longer = max(self._length, self.position) > reach
        if offset == 0 and (longer or not noted):
            # the old note must not vouch for new bytes, not even for the blink of an eye
            self._remove_note()
            if self._durable:
                sync_directory(os.path.dirname(self.path) or ".")
        if longer:
            os.ftruncate(self._descriptor, reach)
        if scattered or self.position != offset:
            self.position = os.lseek(self._descriptor, offset, os.SEEK_SET)
        self._length = reach
        self._unsynced = 0
        if noted and not self._private:
            try:
                self._note = Note(self.note_path, validator, size, offset, islands)
                if self._durable:  # before any of the new bytes is there
                    self._note.sync()
            except OSError as error:
                # a directory in its place, a name too long: only resuming is lost
                if error.errno not in {errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}:
                    raise

    def _remove_note(self) -> None:
        try:
            remove(self.note_path)
        except OSError:
            if not os.path.isdir(self.note_path):  # a directory vouches for nothing
                raise

    def space_for(self, count: int, offset: int) -> bool:
        """Tell whether so many more bytes fit behind the first ``offset``; True where the filesystem does not say."""
        try:
            folder = os.path.dirname(self.path) or "."
            if not hasattr(os, "statvfs"):  # Windows
                import shutil

                return shutil.disk_usage(folder).free + max(0, self._length - offset) >= count
            about = os.statvfs(folder)
            dropped = os.fstat(self._descriptor).st_blocks * 512 - offset  # of an earlier body
        except OSError:
            return True
        return about.f_blocks == 0 or about.f_bavail * about.f_frsize + max(0, dropped) >= count

    def write(self, view: memoryview) -> None:
        """Append bytes."""
        began = perf_counter()
        written = 0
        try:
            written = os.write(self._descriptor, view)
            while written < len(view):  # a disk that fills up takes a part before it says so
                written += os.write(self._descriptor, view[written:])
        finally:
            self.spent += perf_counter() - began
            self.position += written
            self._unsynced += written
        self._vouch()

    def write_at(self, view: memoryview, at: int) -> None:
        """Write bytes from ``at`` on, wherever that is; ``position`` is then the end of what has no gap."""
        began = perf_counter()
        _write_there(self._descriptor, view, at)
        self.spent += perf_counter() - began
        coverage = self._coverage
        if coverage is None:
            coverage = self._coverage = Coverage(self.position)
        coverage.add(at, at + len(view))
        self.position = coverage.front
        self._length = max(self._length, at + len(view))
        self._unsynced += len(view)
        self._vouch()

    def absorbed(self, count: int) -> None:
        """Record bytes that the kernel put there by itself."""
        self.position += count
        self._unsynced += count
        self._vouch()

    def _vouch(self) -> None:
        """Have the note say what is there; of a durable part only what is on the disk, now and then."""
        if self._note is None:
            return
        if self._durable:
            if self._unsynced < _SYNCED:
                return
            os.fsync(self._descriptor)
            self._unsynced = 0
        coverage = self._coverage
        if coverage is None:
            self._note.move_on(self.position)
        else:
            self._note.move_on(coverage.front, coverage.islands)

    def link(self, source: int) -> None:
        """Have the destination be another name of an open file, in place of a copy."""
        self._linked = os.dup(source)

    @property
    def content_path(self) -> str:
        """Where the bytes are to be read."""
        return self.path if self._linked < 0 else f"/proc/self/fd/{self._linked}"

    def seek(self, position: int) -> None:
        """Go on after bytes that the kernel put there without moving on."""
        os.lseek(self._descriptor, position, os.SEEK_SET)

    # --- ending

    def commit(self) -> None:
        """Put the part in the place of the destination, in one step."""
        if self._linked >= 0:
            self._take_link()
        if self._durable:
            os.fsync(self._descriptor)
        current = self._is_current()
        if self._identity is None or may_be_remote(self._identity[0]):
            flush_on_nfs(self._descriptor)
        if not current:
            raise OSError(errno.ENOENT, "the part was taken away while it was written", self.path)
        noted = self._note is not None
        if sys.platform == "win32":  # an open file cannot be renamed there
            self._drop()
        os.replace(self.path, self.destination)
        if self._linked >= 0:  # two names of one file are left as they are by rename(2)
            remove(self.path)
        self._drop()
        if noted or self.held is not NOTHING:
            with contextlib.suppress(OSError):  # the file is there, whatever becomes of the note
                remove(self.note_path)
        if self._durable:
            sync_directory(os.path.dirname(self.destination) or ".")

    def _take_link(self) -> None:
        """Put the other name in the place of the part; where there can be none, its bytes."""
        name = private_path(self.destination, 1)
        if hard_link(self._linked, name):
            os.replace(name, self.path)
            about = os.fstat(self._linked)
            self._identity = (about.st_dev, about.st_ino)
            return
        os.lseek(self._linked, 0, os.SEEK_SET)
        while copy_some(self._linked, self._descriptor, _SYNCED):
            pass

    def close(self, *, keep: bool) -> None:
        """Give the part up for now; it stays for a later fetch only if its note vouches for something."""
        if self._descriptor < 0 or not self._owned:
            self._drop()
            return
        try:
            if keep and self._note is not None and self.position and not self._private:
                self._unsynced = _SYNCED
                self._vouch()  # also for what was written of a chunk that did not fit
                if self._durable:
                    self._note.sync()
            elif keep and self._note is None and self.held.length and not self._private:
                pass  # nothing new came: what was there is as good as before
            elif self._is_current():
                self._remove_note()
                remove(self.path)
        finally:
            self._drop()

    def _drop(self) -> None:
        try:
            self._close_note()
            self._close_linked()
        finally:
            super()._drop()

    def _close_linked(self) -> None:
        if self._linked >= 0:
            linked, self._linked = self._linked, -1
            os.close(linked)

    def _close_note(self) -> None:
        if self._note is not None:
            note, self._note = self._note, None
            note.close()


def _write_there(descriptor: int, view: memoryview, at: int) -> None:
    if not hasattr(os, "pwrite"):  # Windows; one thread writes, so nobody moves it in between
        os.lseek(descriptor, at, os.SEEK_SET)
    while view:  # a disk that fills up takes a part before it says so
        written = os.pwrite(descriptor, view, at) if hasattr(os, "pwrite") else os.write(descriptor, view)
        view, at = view[written:], at + written
