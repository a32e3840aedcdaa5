"""Coming to hold the part of a destination, or finding that the right file is there already.

Rules: a destination that holds the digests asked for is right, whoever put it there. Who cannot have the lock waits as
long as its holder gets on, and looks again when it has it; after PATIENCE without progress it writes a private part. A
lock that hangs is waited for as long, once for a client, and never on the event loop.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio

from .._disk.hold import Access
from .._disk.part import Part
from .hashing import Hashing, holds

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._disk.disk import Disk
    from .._disk.threads import Worker
    from .._model.digest import Digest
    from .._model.fetch import Fetch

T = TypeVar("T")

PATIENCE = 5.0  # seconds without progress after which the holder of a lock is not waited for any longer
HANGS = 5.0  # seconds after which a lock that does not answer is given up
_POLL = (0.005, 0.1)  # seconds between two looks at a locked part: at first, at most
_INLINE = 1024 * 1024  # bytes hashed by the thread that opens; more is a hasher's


class _LockHangs(Exception):
    """The thread that opens did not come back in time."""


class Claim:
    """One wish's claim to its destination. ``found`` is the size of the right file when it is there already."""

    __slots__ = (
        "_absent",
        "_asked",
        "_disk",
        "_durable",
        "_fetch",
        "_folder",
        "_hasher",
        "_path",
        "_provable",
        "found",
        "found_digests",
        "part",
    )

    def __init__(
        self, disk: Disk, path: str, fetch: Fetch, hasher: Worker, *, durable: bool, absent: bool, descriptor: int = -1
    ) -> None:
        self._absent = absent  # nothing was there a moment ago, so only the look after the opening matters
        self._disk = disk
        self._path = path
        self._fetch = fetch
        self._asked = fetch.digests
        self._provable = fetch.provable
        self._hasher = hasher
        self._durable = durable
        self._folder = os.path.dirname(path)
        self.part = self._new_part()
        if descriptor >= 0:
            self.part.adopt(descriptor)
        self.found: int | None = None
        self.found_digests: tuple[Digest, ...] = ()

    def _new_part(self) -> Part:
        return Part(self._path, source=self._fetch.url.reveal(), durable=self._durable)

    async def stake(self) -> None:
        """Come to hold the part, or find the destination right. Raises OSError; ``part`` is to be closed either way."""
        disk = self._disk
        try:
            if self._folder not in disk.near:
                access, unread = await self._within_patience(self._look_and_open)
                if self.part.is_near:
                    disk.near.add(self._folder)
            elif disk.is_quick(disk.opener):
                access, unread = disk.now(self._look_and_open)
            else:
                access, unread = await disk.brief(disk.opener, self._look_and_open)
            await self._settle(access, unread=unread)
        except _LockHangs:
            stuck, self.part = self.part, self._new_part()
            disk.give_up_opener(partial(stuck.close, keep=True))
            await disk.opener.run(self._open_unlocked)

    async def _settle(self, access: Access, *, unread: bool) -> None:
        """Go on from what the first look found."""
        if access is Access.OURS and not unread:
            return
        if unread and await self._hash_destination():
            return
        waited = access is Access.BUSY
        if waited:
            access = await self._wait_for_holder()
        if access is Access.ARRIVED and await self._accept_destination():
            return
        while access is not Access.OURS:  # what arrived is not what we want
            access = await self._wait_for_holder()
        if waited and self._provable:  # it may have been brought by another source
            await self._hash_destination()

    def _look_and_open(self) -> tuple[Access, bool]:
        """Look at the destination, then open the part; also whether the destination is still to be hashed."""
        about = None if self._absent else self._look()
        unread = False
        if about is not None and self._provable and self._fetch.size in {None, about.st_size}:
            if about.st_size > _INLINE:
                unread = True
            elif self._holds():
                self.part.tidy()
                return Access.ARRIVED, False
        access = self._open_unlocked() if self._disk.locks_hang else self.part.open()
        if self._provable and not unread:  # another one may have committed between the look and the lock
            again = self._look()
            unread = again is not None and (about is None or not os.path.samestat(about, again))
        return access, unread

    def _open_unlocked(self) -> Access:
        return self.part.open_private(locked=False)

    async def _within_patience(self, job: Callable[[], T]) -> T:
        """Run a job on the opener that may have to do with locks, which hang on some network file systems."""
        with anyio.move_on_after(HANGS):
            return await self._disk.aside(self._disk.opener, job)
        raise _LockHangs

    def _look(self) -> os.stat_result | None:
        # cheaper than a stat that fails; what else may be wrong with the path, the opening of the part will say
        if not os.access(self._path, os.F_OK):
            return None
        try:
            about = os.stat(self._path)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", self._path)
        if not stat.S_ISREG(about.st_mode):  # replacing /dev/null would be the end of it
            raise OSError(errno.EINVAL, "it exists and is not a plain file", self._path)
        return about

    async def _hash_destination(self) -> bool:
        return await self._hasher.run(self._holds)

    def _holds(self) -> bool:
        hashing = Hashing(self._asked)
        try:
            size = hashing.read(self._path)
        except FileNotFoundError:
            return False
        computed = hashing.digests()
        if not holds(self._asked, computed) or self._fetch.size not in {None, size}:
            return False
        self.found, self.found_digests = size, computed
        return True

    async def _accept_destination(self) -> bool:
        """Use what another process has just put there, if it is what we want."""
        if self.found is not None:
            return True
        if self._asked:
            return await self._hash_destination()
        size = await self._disk.opener.run(lambda: os.stat(self._path).st_size)
        if self._fetch.size not in {None, size}:
            return False
        self.found = size
        return True

    async def _wait_for_holder(self) -> Access:
        """Wait for the lock as long as its holder gets on; then write a private part."""
        run, part = self._within_patience, self.part
        pause, most = _POLL
        access, last = await run(part.open), None
        since = time.monotonic()
        while access is Access.BUSY:
            seen = await run(part.watch)
            if seen != last:
                last, since = seen, time.monotonic()
            elif time.monotonic() - since >= PATIENCE:
                return await run(part.open_private)
            await anyio.sleep(pause)
            pause = min(most, pause * 1.5)
            access = await run(part.open)
        return access
