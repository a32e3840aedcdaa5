"""Lines of listings: MLSD (RFC 3659 section 7), and what LIST gives, as Unix and as Windows write it.

aioftp's own readers are not used: they change the locale of the whole process for each date, strip spaces that belong
to names, and end at the first line they cannot read.

Rules: a line that cannot be read is no entry. Neither is a name that would lead elsewhere: empty, ``.``, ``..``, or
with a slash, a backslash or a NUL. Times of LIST have no zone: they are taken for UTC, which is what servers are
advised to use; where the year is missing, it is the one that makes the time the last one before tomorrow.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_MONTHS = {
    month: number + 1
    for number, month in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))
}
_UNIX = re.compile(
    r"(?P<kind>[-dlbcpsD])[-rwxsStTlL]{9}[.+@]?\s+"  # type and mode
    r"(?:\d+\s+)?(?:\S+\s+){1,2}?"  # links, owner, group; some servers leave one out
    r"(?P<size>\d+)\s+"
    r"(?P<month>[A-Za-z]{3})\s+(?P<day>\d{1,2})\s+(?:(?P<hour>\d{1,2}):(?P<minute>\d\d)|(?P<year>\d{4})) "
    r"(?P<name>.*)\Z",
    re.DOTALL,
)
_WINDOWS = re.compile(
    r"(?P<month>\d\d)[-/](?P<day>\d\d)[-/](?P<year>\d{4}|\d\d)\s+(?P<hour>\d\d):(?P<minute>\d\d)(?P<half>[AP]M)?\s+"
    r"(?:(?P<folder><(?:DIR|JUNCTION|SYMLINKD?)>)\s+|(?P<size>[\d,.]+) )(?P<name>.*)\Z",
    re.DOTALL | re.IGNORECASE,
)


class Line(NamedTuple):
    """One entry of a listing; ``kind`` is "file", "directory" or "other"."""

    name: str
    kind: str
    size: int | None
    modified: datetime | None


def read_mlsd(line: str) -> Line | None:
    """Read one line of MLSD; None where it is no entry of the folder (itself, its parent)."""
    facts, space, name = line.partition(" ")
    entry = read_facts(facts, name)
    if not space or not is_name(name) or re.search(r"(^|;)type=[cp]dir;", facts, re.IGNORECASE):
        return None
    return entry


def read_facts(facts: str, name: str) -> Line:
    """Read the facts that MLSD and MLST give of a name."""
    known = {}
    for fact in facts.split(";"):
        key, _, value = fact.partition("=")
        known[key.lower()] = value
    kind, size = known.get("type", "").lower(), known.get("size", "")
    return Line(
        name,
        {"file": "file", "dir": "directory", "cdir": "directory", "pdir": "directory"}.get(kind, "other"),
        int(size) if kind == "file" and size.isascii() and size.isdigit() else None,
        read_time(known.get("modify", "")),
    )


def read_list(line: str, now: datetime) -> Line | None:
    """Read one line of LIST in either form; None where it is no entry."""
    for read in (_read_unix, _read_windows):
        found = read(line, now)
        if found is not None:
            return found if is_name(found.name) else None
    return None


def read_time(text: str) -> datetime | None:
    """Read the time of MDTM and of MLSD, YYYYMMDDHHMMSS with a fraction or not, in UTC (RFC 3659 section 2.3)."""
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d+))?", text, re.ASCII)
    if match is None:
        return None
    *whole, fraction = match.groups()
    year, month, day, hour, minute, second = map(int, whole)
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), int(f"{fraction or ''}000000"[:6]), tzinfo=UTC)
    except ValueError:
        return None


def is_name(name: str) -> bool:
    """Tell whether a name can be that of an entry: one that leads nowhere else."""
    return name not in {"", ".", ".."} and not any(mark in name for mark in "/\\\0\r\n")


def _read_unix(line: str, now: datetime) -> Line | None:
    match = _UNIX.match(line)
    month = _MONTHS.get(match["month"].lower()) if match else None
    if match is None or month is None:
        return None
    kind = {"-": "file", "d": "directory"}.get(match["kind"], "other")
    name = match["name"].partition(" -> ")[0] if match["kind"] == "l" else match["name"]
    day, hour, minute = (int(match[part] or 0) for part in ("day", "hour", "minute"))
    if match["year"]:
        when = _moment(int(match["year"]), month, day, hour, minute)
    else:
        candidates = (_moment(now.year - back, month, day, hour, minute) for back in range(-1, 9))  # 29 February
        when = next((moment for moment in candidates if moment and moment <= now + timedelta(days=1)), None)
    return Line(name, kind, int(match["size"]) if kind == "file" else None, when)


def _read_windows(line: str, now: datetime) -> Line | None:  # noqa: ARG001 - the year is always there
    match = _WINDOWS.match(line)
    if match is None:
        return None
    year, hour = int(match["year"]), int(match["hour"])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].upper() == "PM" else 0)
    folder = match["folder"]
    kind = "file" if folder is None else "directory" if folder.upper() == "<DIR>" else "other"
    size = re.sub("[,.]", "", match["size"]) if match["size"] else ""
    when = _moment(year, int(match["month"]), int(match["day"]), hour, int(match["minute"]))
    return Line(match["name"].lstrip() if folder is None else match["name"], kind, int(size) if size else None, when)


def _moment(year: int, month: int, day: int, hour: int, minute: int) -> datetime | None:
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC)
    except ValueError:
        return None
