"""What must hold after everything: of the folder of the destination, and of this process.

The destination is absent, the old file, or the new one. Beside it lies at most a part with its note, and what the note
vouches for are the bytes of the body. No thread, descriptor or lock is left.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from ..._disk.lock import LockUnsupported, try_lock
from ..._disk.note import read_note

if TYPE_CHECKING:
    from pathlib import Path

NAME = "file"
_PATIENCE = 5.0  # seconds for a far end in this process to close its half of a connection


def look(folder: Path, body: bytes, old: bytes | None, *, tidy: bool = False) -> int:
    """Judge a folder; give the number of bytes from which the next fetch may go on.

    ``tidy``: nobody was killed, and the disk did as it was told, so that nothing is left that vouches for nothing.
    """
    names = set(os.listdir(folder))
    strange = names - {NAME, f"{NAME}.part", f"{NAME}.part.json"}
    assert not strange, f"left behind: {sorted(strange)}"
    if NAME in names:
        found = (folder / NAME).read_bytes()
        assert found in (body, old), f"the destination holds {len(found)} bytes that are neither old nor new"
    else:
        assert old is None, "the old file is gone"
    part = folder / f"{NAME}.part"
    if not part.exists():
        assert not (tidy and f"{NAME}.part.json" in names), "a note is left without its part"
        return 0
    assert not _is_locked(part), "the part is locked, and nobody is there to write it"
    content = part.read_bytes()
    held = read_note(f"{part}.json", len(content))
    assert held.length or not tidy, "a part is left for which no note vouches"
    for start, end in ((0, held.length), *held.islands):
        assert content[start:end] == body[start:end], f"the note vouches for bytes {start} to {end}, which are wrong"
    return held.length


def _is_locked(part: Path) -> bool:
    descriptor = os.open(part, os.O_RDWR)
    try:
        return not try_lock(descriptor)
    except LockUnsupported:
        return False
    finally:
        os.close(descriptor)


def look_after(folder: Path, body: bytes) -> None:
    """Judge a folder after the fetch that nothing befell."""
    assert (folder / NAME).read_bytes() == body, "the next fetch brought other bytes"
    left = sorted(set(os.listdir(folder)) - {NAME})
    assert not left, f"left behind by the next fetch: {left}"


class Standing:
    """What was there of threads and descriptors before; to be found again."""

    def __init__(self) -> None:
        self._descriptors = _descriptors()

    def check(self) -> None:
        """Assert that nothing of ours is left; what is ending just now gets a moment."""
        end = time.monotonic() + _PATIENCE
        while left := self._left():
            assert time.monotonic() < end, f"left open: {left}"
            time.sleep(0.001)

    def _left(self) -> list[str]:
        threads = [thread.name for thread in threading.enumerate() if _is_ours(thread)]
        now = _descriptors()
        return threads + [f"{number}: {what}" for number, what in now.items() if self._descriptors.get(number) != what]


def _is_ours(thread: threading.Thread) -> bool:
    return thread.name.startswith(("asyncfetch", "AnyIO")) and not thread.name.startswith("asyncfetch-testing")


def _descriptors() -> dict[str, str]:
    if not os.path.isdir("/proc/self/fd"):
        return {}
    found = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            found[number] = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # the one that listed the directory
            continue
    # a poller of a far end in this process; that of a client's loop ends with the sockets by which it wakes itself
    return {number: what for number, what in found.items() if "eventpoll" not in what}
