"""Copies between two open files: by reflink, copy_file_range or sendfile where the kernel can, else read and write.

Or, on request, no copy but another name for the same file.
"""

from __future__ import annotations

import errno
import os
import sys

_BLOCK = 1024 * 1024
_FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
_CANNOT = {
    errno.ENOSYS,
    errno.EXDEV,
    errno.EINVAL,
    errno.EOPNOTSUPP,
    errno.ENOTTY,
    errno.EBADF,
    errno.ETXTBSY,
    errno.EPERM,
}


def reflink(source: int, target: int) -> bool:
    """Make the target share the blocks of the source, if the filesystem can (btrfs, XFS, ...)."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    return True


def hard_link(source: int, path: str) -> bool:
    """Give an open file another name; False where that cannot be (another disk, not ours, no way to say it)."""
    if sys.platform != "linux":
        return False
    try:
        # linkat(2) follows the link of /proc if it is told to, which Python does when there is a dir_fd; an absolute
        # path does not look at that
        os.link(f"/proc/self/fd/{source}", path, src_dir_fd=source, follow_symlinks=True)
    except OSError as error:
        if error.errno in _CANNOT | {errno.EMLINK, errno.ENOENT, errno.EACCES, errno.EEXIST}:
            return False
        raise
    return True


def copy_some(source: int, target: int, count: int) -> int:
    """Copy at most ``count`` bytes from where both files stand, and move both on; 0 at the end of the source."""
    if sys.platform == "linux":
        for copy in (_by_range, _by_sendfile):
            try:
                return copy(source, target, count)
            except OSError as error:
                if error.errno not in _CANNOT:
                    raise
    data = os.read(source, min(count, _BLOCK))
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
    return len(data)


if sys.platform == "linux":

    def _by_range(source: int, target: int, count: int) -> int:
        return os.copy_file_range(source, target, count)

    def _by_sendfile(source: int, target: int, count: int) -> int:
        return os.sendfile(target, source, None, count)
