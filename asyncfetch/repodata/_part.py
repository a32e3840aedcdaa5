"""The part beside a cached file: where the new one is written, and the lock that says who does.

Rules: one process at a time refreshes a file; the others wait for as long as it gets on, and then look at what it
brought. Who cannot have the lock, or sees no progress behind it, writes a part of its own: everything is put in place
by a rename, so that this costs bytes and nothing else. A part that was left behind is written over, never continued.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from .._disk.lock import LockUnsupported, try_lock
from .._disk.note import FLAGS, closed_unless_plain
from ._state import Facts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE = 5.0  # seconds without progress after which a holder is not waited for any longer
_POLL = (0.005, 0.1)  # seconds between two looks at a part of somebody else's: at first, at most
_LEFT_BEHIND = re.compile(r"[0-9a-f]{8}\.(?:(?:json|msgpack\.zst)\.[0-9a-f]{8}\.part|info\.json\.[0-9a-f]{8}\.tmp)\Z")
_OLD = 3600.0  # seconds; nobody is still writing these


class Part:
    """An open part. Its methods block, each of them briefly."""

    __slots__ = ("descriptor", "path")

    def __init__(self, destination: str) -> None:
        self.path = f"{destination}.part"
        self.descriptor = -1

    def open(self) -> bool:
        """Open and lock it; False while somebody else has it. Raises OSError."""
        try:
            descriptor = os.open(self.path, FLAGS, 0o666)
        except OSError as error:
            if error.errno == errno.ELOOP:  # a symbolic link
                return self.open_private()
            raise
        if not closed_unless_plain(descriptor):
            return self.open_private()
        try:
            if not try_lock(descriptor) or not self._is_at(descriptor):
                os.close(descriptor)
                return False
        except LockUnsupported:
            os.close(descriptor)
            return self.open_private()
        self.descriptor = descriptor
        return True

    def open_private(self) -> bool:
        """Open one that nobody else knows of."""
        self.path = f"{self.path.removesuffix('.part')}.{os.urandom(4).hex()}.part"
        self.descriptor = os.open(self.path, FLAGS | os.O_EXCL, 0o666)
        return True

    def watch(self) -> object:
        """Give something that changes while whoever has it gets on."""
        try:
            about = os.stat(self.path)
        except FileNotFoundError:
            return None
        return about.st_ino, about.st_size, about.st_mtime_ns

    def rewind(self) -> None:
        """Begin anew."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)

    def seal(self, *, durable: bool) -> Facts:
        """Say what stat will say of the file, once it is in its place."""
        if durable:
            os.fsync(self.descriptor)
        about = os.fstat(self.descriptor)
        if sys.platform == "win32":  # an open file is not renamed there
            self.close()
        return Facts(about.st_size, about.st_mtime_ns)

    def close(self) -> None:
        """Let go of it."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def drop(self) -> None:
        """Remove it, unless it has become the file, and let go."""
        if self.descriptor >= 0 and sys.platform != "win32" and self._is_at(self.descriptor):
            with suppress(OSError):
                os.unlink(self.path)
        self.close()
        if sys.platform == "win32":
            with suppress(OSError):
                os.unlink(self.path)

    def _is_at(self, descriptor: int) -> bool:
        """Tell whether the open file is still the one of that name: a part becomes the file by a rename."""
        try:
            there, held = os.stat(self.path), os.fstat(descriptor)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


@asynccontextmanager
async def claimed(destination: str) -> AsyncIterator[Part]:
    """Hold the part of a file, after waiting for whoever has it. Raises OSError."""
    part = Part(destination)
    try:
        await _claim(part)
        yield part
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(part.drop)


async def _claim(part: Part) -> None:
    run = to_thread.run_sync
    last: object = None
    since, (pause, most) = time.monotonic(), _POLL
    while not await run(part.open):
        seen = await run(part.watch)
        if seen != last:
            last, since = seen, time.monotonic()
        elif time.monotonic() - since >= PATIENCE:
            await run(part.open_private)
            return
        await anyio.sleep(pause)
        pause = min(most, 1.5 * pause)


def sweep(folder: str) -> None:
    """Remove what killed processes left behind: parts and states under names that nobody will look for again."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _LEFT_BEHIND.match(entry.name):
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > _OLD:
                        os.unlink(entry.path)
