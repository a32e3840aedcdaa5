"""What a right HTTP server answers: conditions (RFC 9110 section 13) and ranges (section 14). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_ETAG = re.compile(r'(?:W/)?"[^"]*"')
_RANGE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Selected:
    """The status that is due, and which bytes of the whole: from ``start`` up to ``stop``."""

    status: int
    start: int
    stop: int


def select(
    method: str, header: Callable[[str], str | None], etag: str | None, last_modified: str | None, size: int
) -> Selected:
    """Evaluate the conditions in the order of RFC 9110 section 13.2.2, then the range."""
    if (condition := header("if-match")) is not None:
        if not _listed(condition, etag, strong=True):
            return Selected(412, 0, 0)
    elif (condition := header("if-unmodified-since")) is not None and _newer(last_modified, condition):
        return Selected(412, 0, 0)
    if (condition := header("if-none-match")) is not None:
        if _listed(condition, etag, strong=False):
            return Selected(304, 0, 0)
    elif (condition := header("if-modified-since")) is not None and _newer(last_modified, condition) is False:
        return Selected(304, 0, 0)
    wanted = header("range")
    if wanted is None or method != "GET" or not _still(header("if-range"), etag, last_modified):
        return Selected(200, 0, size)
    return _ranged(wanted, size)


def _ranged(wanted: str, size: int) -> Selected:
    """One range is served; several, or what is no range of bytes, may be ignored (RFC 9110 section 14.2)."""
    match = _RANGE.match(wanted)
    if match is None or match[0].endswith("=-"):
        return Selected(200, 0, size)
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
        satisfiable = int(last) > 0
        if size == 0 and satisfiable:  # no Content-Range can say so
            return Selected(200, 0, 0)
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return Selected(200, 0, size)
        satisfiable = start < size
    return Selected(206, start, stop) if satisfiable else Selected(416, 0, 0)


def _listed(condition: str, etag: str | None, *, strong: bool) -> bool:
    """Compare strongly or weakly (RFC 9110 section 8.8.3.2); ``*`` is any representation, and there is one."""
    if condition.strip() == "*":
        return True
    if etag is None or (strong and etag.startswith("W/")):
        return False
    tags = _ETAG.findall(condition)
    return etag in tags if strong else etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}


def _still(condition: str | None, etag: str | None, last_modified: str | None) -> bool:
    """Judge If-Range (RFC 9110 section 13.1.5): a strong entity tag, or exactly the date."""
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return _listed(condition, etag, strong=True) if condition != "*" else False
    asked, ours = _date(condition), _date(last_modified)
    return asked is not None and asked == ours


def _newer(last_modified: str | None, than: str) -> bool | None:
    """Tell whether we changed after a date; None if either date is missing or unreadable: no condition then."""
    ours, theirs = _date(last_modified), _date(than)
    return None if ours is None or theirs is None else ours > theirs


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None
