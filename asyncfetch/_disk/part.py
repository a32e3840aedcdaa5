"""A body on its way to becoming a file: NAME.part, its note, its lock, and the one rename.

Blocking; every method runs in a worker thread, one at a time. Rules: the part is opened without following links and is
ours; whoever holds its lock writes it; who cannot have the lock writes a private part under another name. The
destination is replaced in one step, or not touched.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import sys
from enum import Enum
from typing import TYPE_CHECKING

from .._model.exchange import NOTHING, Held
from .lock import LockUnsupported, mark, marked, try_lock
from .note import FLAGS, Note, closed_unless_plain, read_note

if TYPE_CHECKING:
    from .._model.exchange import Validator

_LOCAL = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})
_TRIES = 3  # of opening a part that others commit under our hands


class Access(Enum):
    """What came of trying to open a part."""

    OURS = "ours"  # it is open and locked
    BUSY = "busy"  # another one is writing it
    ARRIVED = "arrived"  # another one wrote what we want, and it is the destination now


class Part:
    """The part of one destination."""

    __slots__ = (
        "_descriptor",
        "_durable",
        "_identity",
        "_length",
        "_note",
        "_owned",
        "_private",
        "_source",
        "_waited_for_ours",
        "destination",
        "held",
        "path",
        "position",
    )

    def __init__(self, destination: str, *, source: str, durable: bool) -> None:
        self.destination = destination
        self.path = destination + ".part"
        self.held: Held = NOTHING
        self.position = 0  # where the next byte goes
        self._descriptor = -1
        self._durable = durable
        self._identity: tuple[int, int] | None = None  # of the open file: where it is, and which one there
        self._note: Note | None = None
        self._private = False
        self._owned = False
        self._source = source
        self._length = 0  # of the file on disk, as far as it matters
        self._waited_for_ours = False

    # --- opening

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
                    if marked(self._descriptor) == self._token:
                        self._waited_for_ours = True
                    return Access.BUSY
            except LockUnsupported:
                self._drop()
                if created:  # nobody writes it: where there are no locks, parts are private
                    _remove(self.path)
                return self.open_private()
            if self._is_current():
                self._owned = True
                mark(self._descriptor, self._token)
                self.held = read_note(self.note_path, self._length) if self._length else NOTHING
                return Access.OURS
            # its holder committed or removed it while we waited
            arrived = self._waited_for_ours and self._is_destination()
            self._drop()
            if arrived:
                return Access.ARRIVED
        return Access.BUSY

    def _open_in_place(self) -> tuple[int, bool]:
        try:
            return _open_ours(self.path)
        except FileNotFoundError:
            parent = os.path.dirname(self.path)
            if not parent:
                raise
            os.makedirs(parent, exist_ok=True)
            return _open_ours(self.path)

    def open_private(self) -> Access:
        """Open a part of our own under a name that nobody else uses; it never resumes and takes no lock."""
        self._drop()
        self._private = self._owned = True
        while self._descriptor < 0:
            self.path = f"{self.destination}.{secrets.token_hex(4)}.part"
            with contextlib.suppress(FileExistsError):
                self._descriptor = os.open(self.path, FLAGS | os.O_EXCL, 0o666)
        self.held = NOTHING
        return Access.OURS

    def watch(self) -> tuple[int, int]:
        """Give size and mtime_ns of the part that another one is writing."""
        about = os.fstat(self._descriptor)
        return about.st_size, about.st_mtime_ns

    @property
    def _token(self) -> int:
        return int.from_bytes(hashlib.blake2b(self._source.encode(), digest_size=8).digest()) >> 3

    @property
    def note_path(self) -> str:
        """Where the note is."""
        return self.path + ".json"

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

    # --- writing

    def begin(self, validator: Validator, size: int | None, offset: int, *, noted: bool) -> None:
        """Keep ``offset`` bytes, drop the rest; with ``noted`` a later fetch may resume what follows."""
        self._close_note()
        longer = max(self._length, self.position) > offset
        if offset == 0 and (longer or not noted):
            # the old note must not vouch for new bytes, not even for the blink of an eye
            self._remove_note()
        if longer:
            os.ftruncate(self._descriptor, offset)
        if self.position != offset:
            self.position = os.lseek(self._descriptor, offset, os.SEEK_SET)
        self._length = offset
        if noted and not self._private:
            try:
                self._note = Note(self.note_path, validator, size, offset)
            except OSError as error:
                # a directory in its place, a name too long: only resuming is lost
                if error.errno not in {errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}:
                    raise

    def _remove_note(self) -> None:
        try:
            _remove(self.note_path)
        except OSError:
            if not os.path.isdir(self.note_path):  # a directory vouches for nothing
                raise

    def space_for(self, count: int, offset: int) -> bool:
        """Tell whether so many more bytes fit behind the first ``offset``; True where the filesystem does not say."""
        try:
            about = os.statvfs(os.path.dirname(self.path) or ".")
            dropped = os.fstat(self._descriptor).st_blocks * 512 - offset  # of an earlier body
        except (OSError, AttributeError):
            return True
        return about.f_blocks == 0 or about.f_bavail * about.f_frsize + max(0, dropped) >= count

    def write(self, view: memoryview) -> None:
        """Append bytes."""
        written = os.write(self._descriptor, view)
        while written < len(view):  # a disk that fills up takes a part before it says so
            written += os.write(self._descriptor, view[written:])
        self.position += len(view)
        if self._note is not None:
            self._note.move_on(self.position)

    def absorbed(self, count: int) -> None:
        """Record bytes that the kernel put there by itself."""
        self.position += count
        if self._note is not None:
            self._note.move_on(self.position)

    def seek(self, position: int) -> None:
        """Go on after bytes that the kernel put there without moving on."""
        os.lseek(self._descriptor, position, os.SEEK_SET)

    @property
    def is_open(self) -> bool:
        """Whether the file is open, locked or not."""
        return self._descriptor >= 0

    def fileno(self) -> int:
        """The open file."""
        return self._descriptor

    # --- ending

    def commit(self) -> None:
        """Put the part in the place of the destination, in one step."""
        if self._durable:
            os.fsync(self._descriptor)
        current = self._is_current()
        if self._identity is None or _may_be_remote(self._identity[0]):
            _flush_on_nfs(self._descriptor)
        if not current:
            raise OSError(errno.ENOENT, "the part was taken away while it was written", self.path)
        noted = self._note is not None
        if sys.platform == "win32":  # an open file cannot be renamed there
            self._drop()
        os.replace(self.path, self.destination)
        self._drop()
        if noted or self.held is not NOTHING:
            with contextlib.suppress(OSError):  # the file is there, whatever becomes of the note
                _remove(self.note_path)
        if self._durable:
            _sync_directory(os.path.dirname(self.destination) or ".")

    def close(self, *, keep: bool) -> None:
        """Give the part up for now; it stays for a later fetch only if its note vouches for something."""
        if self._descriptor < 0 or not self._owned:
            self._drop()
            return
        try:
            if keep and self._note is not None and self.position and not self._private:
                if self._durable:
                    os.fsync(self._descriptor)
                    self._note.sync()
            elif keep and self._note is None and self.held.length and not self._private:
                pass  # nothing new came: what was there is as good as before
            elif self._is_current():
                self._remove_note()
                _remove(self.path)
        finally:
            self._drop()

    def _drop(self) -> None:
        try:
            self._close_note()
        finally:
            if self._descriptor >= 0:
                descriptor, self._descriptor, self._identity = self._descriptor, -1, None
                os.close(descriptor)

    def _close_note(self) -> None:
        if self._note is not None:
            note, self._note = self._note, None
            note.close()


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
        except OSError:
            if os.path.lexists(path):  # a link, a directory, a file of somebody else
                return -1, False
            raise
        return (descriptor if closed_unless_plain(descriptor) else -1), False
    return -1, False


def _remove(path: str) -> None:
    try:  # noqa: SIM105 - contextlib.suppress costs as much as the system call
        os.unlink(path)
    except FileNotFoundError:
        pass


_remote: dict[int, bool] = {}  # st_dev -> whether it may be a network filesystem


def _may_be_remote(device: int) -> bool:
    """Look once for each device; where the system does not say, it may be."""
    known = _remote.get(device)
    if known is None:
        known = True
        with contextlib.suppress(OSError, ValueError, AttributeError):
            place = f"{os.major(device)}:{os.minor(device)}"
            with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
                kinds = {line.partition(" - ")[2].split()[0] for line in file if line.split()[2] == place}
            known = not kinds or not kinds <= _LOCAL
        _remote[device] = known
    return known


def _flush_on_nfs(descriptor: int) -> None:
    """Close a duplicate: NFS tells only at a close that the disk is full, and the lock stays with the other one."""
    try:
        duplicate = os.dup(descriptor)
    except OSError:  # no number is free for it
        return
    os.close(duplicate)


def _sync_directory(path: str) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
