"""Every OSError of our own disk, in the tree: errno and path kept, the cause chained."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from .._model.errors import LocalError, NoSpace, NotWritable

if TYPE_CHECKING:
    from .._model.url import Url

_HINTS = {
    errno.ENOSPC: "free some space, what arrived is kept",
    errno.EDQUOT: "free some of your quota, what arrived is kept",
    errno.EFBIG: "the limit is one of this process or of the filesystem",
    errno.EACCES: "choose a place you may write to",
    errno.EPERM: "choose a place you may write to",
    errno.EROFS: "choose a place that is not read-only",
    errno.ENOTDIR: "something on this path is a file, not a directory",
    errno.EISDIR: "the destination is a directory; end it with a separator to write into it",
    errno.ENOENT: "a part of this path went away",
    errno.ENAMETOOLONG: "give the file a shorter name in the destination",
    errno.EMFILE: "too many open files: lower Limits.total, or raise the limit of the process",
}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PLACE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP,
    errno.EEXIST, errno.EINVAL,
}  # fmt: skip


def local_error(error: OSError, path: str, url: Url | None = None) -> LocalError:
    """Give the error of the tree for an OSError met at ``path``."""
    kind = NoSpace if error.errno in _FULL else NotWritable if error.errno in _PLACE else LocalError
    made = kind(
        error.strerror or str(error),
        errno=error.errno,
        filename=path,
        url=url,
        hint=_HINTS.get(error.errno) if error.errno is not None else None,
    )
    made.__cause__ = error
    return made
