"""Having bytes and names reach the disk itself, and hearing of it when they did not.

Local file systems tell of a full disk when they are written to; network file systems only at a close or an fsync. Which
of them a file is on is looked up once for each device.
"""

from __future__ import annotations

import contextlib
import os
import sys

_LOCAL = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})
_remote: dict[int, bool] = {}  # st_dev -> whether it may be a network filesystem


def may_be_remote(device: int) -> bool:
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


def flush_on_nfs(descriptor: int) -> None:
    """Close a duplicate: NFS tells only at a close that the disk is full, and the lock stays with the other one."""
    try:
        duplicate = os.dup(descriptor)
    except OSError:  # no number is free for it
        return
    os.close(duplicate)


def sync_directory(path: str) -> None:
    """Have the names in a folder reach the disk."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
