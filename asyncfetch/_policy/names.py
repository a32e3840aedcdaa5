"""What a fetched file may be called: the last path segment of its URL, decoded, if that is a plain name.

Refused is whatever would leave the directory or mean something else there: empty, ``.``, ``..``, separators, NUL,
and on Windows drive and device names (https://learn.microsoft.com/windows/win32/fileio/naming-a-file).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._model.errors import InvalidUrl

if TYPE_CHECKING:
    from .._model.url import Url

_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)[ ]*(\..*)?", re.IGNORECASE)
_FORBIDDEN_THERE = re.compile(r'[<>:"/\\|?*\x00-\x1f]|[. ]\Z')


def file_name(url: Url, *, windows: bool) -> str:
    """Give the name that the body of a URL takes in a directory. Raises InvalidUrl."""
    name = url.name
    if not name:
        raise InvalidUrl("it ends in `/`, so there is no file name", url=url, hint="name the file in the destination")
    if name in {".", ".."} or "/" in name or "\\" in name or "\0" in name:
        # the name is not told: unlike the URL, it would not be masked
        raise InvalidUrl(
            "the name it ends in would leave the directory", url=url, hint="name the file in the destination"
        )
    if windows and (_DEVICE.fullmatch(name) or _FORBIDDEN_THERE.search(name)):
        raise InvalidUrl(
            "the name it ends in means something else here", url=url, hint="name the file in the destination"
        )
    return name
