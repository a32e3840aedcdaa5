"""Reading single HTTP fields: dates, tags, ranges, digests, pauses. What cannot be read is None, never a guess."""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from .._model.digest import Digest
from .._model.errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# RFC 9110 section 5.6.7: IMF-fixdate, and the two forms that recipients must still read
_DATES = [
    re.compile(rf"[A-Za-z]{{3}}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_TIME} (GMT|UTC|\+0000)"),
    re.compile(rf"[A-Za-z]{{6,9}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_TIME} GMT"),
    re.compile(rf"[A-Za-z]{{3}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})"),
]
_STRONG_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')  # RFC 9110 section 8.8.3
_CONTENT_RANGE = re.compile(r"bytes +(\d{1,19})-(\d{1,19})/(?:(\d{1,19})|\*)", re.IGNORECASE)
_BYTE_SEQUENCE = re.compile(r" *([a-z0-9-]+)=:([A-Za-z0-9+/=]+):(?:;.*)? *")  # RFC 8941 section 3.3.5
_INSTANCE_DIGEST = re.compile(r" *([A-Za-z0-9-]+)=([A-Za-z0-9+/=]+) *")  # RFC 3230 section 4.3.2
# one declared digest is checked: the first of these, so that a source cannot make us hash four times
_DIGESTS = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "md5": "md5"}


class ContentRange(NamedTuple):
    """Bytes from ``start`` up to but not including ``end``, of ``total`` (None: not said)."""

    start: int
    end: int
    total: int | None


def gather(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Give headers as a mapping, several lines of one name joined by a comma (RFC 9110 section 5.3)."""
    fields = dict(headers)
    if len(fields) == len(headers):
        return fields
    fields = {}
    for name, value in headers:
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def date(text: str | None) -> datetime | None:
    """Read an HTTP-date in any of its three forms."""
    if not text:
        return None
    for form in _DATES:
        match = form.fullmatch(text)
        if match is not None:
            break
    else:
        return None
    part = match.groupdict()
    year = int(part["year"])
    if year < 100:  # RFC 850 dates in use lie within 50 years of this millennium's turn
        year += 1900 if year >= 70 else 2000
    try:
        return datetime(
            year, _MONTHS[part["month"]], int(part["day"]), int(part["hour"]), int(part["minute"]),
            min(int(part["second"]), 59), tzinfo=UTC,
        )  # fmt: skip
    except (KeyError, ValueError):
        return None


def is_strong_tag(tag: str) -> bool:
    """Tell whether an entity tag is a strong one, and well-formed."""
    return _STRONG_TAG.fullmatch(tag) is not None


def length(text: str | None) -> int | None:
    """Read a Content-Length; a list of equal numbers counts as one (RFC 9110 section 8.6)."""
    if not text:
        return None
    if not text.isdecimal() or not text.isascii():
        first, *others = [part.strip() for part in text.split(",")]
        if any(other != first for other in others) or not (first.isascii() and first.isdigit()):
            return None
        text = first
    return int(text) if len(text) <= 19 else None


def content_range(text: str) -> ContentRange | None:
    """Read the Content-Range of a 206 (RFC 9110 section 14.4); None unless it is sound in itself."""
    match = _CONTENT_RANGE.fullmatch(text)
    if match is None:
        return None
    start, end = int(match[1]), int(match[2]) + 1
    total = None if match[3] is None else int(match[3])
    if end <= start or (total is not None and end > total):
        return None
    return ContentRange(start, end, total)


def retry_after(fields: Mapping[str, str], now: float) -> float | None:
    """Read Retry-After as seconds from now, never below 0 (RFC 9110 section 10.2.3).

    A date counts from the sender's own Date, so that a wrong clock on either side does no harm; without one from
    ``now``, seconds since 1970.
    """
    text = fields.get("retry-after")
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    then, sent = date(text), date(fields.get("date"))
    if then is None:
        return None
    return max(0.0, then.timestamp() - (sent.timestamp() if sent is not None else now))


def declared_digests(fields: Mapping[str, str], *, whole: bool) -> tuple[Digest, ...]:
    """Give the one digest of the whole body that the source declares.

    Repr-Digest (RFC 9530) and the older Digest (RFC 3230) are about the whole even in a 206; Content-Digest is about
    this message, which is the whole only when ``whole``.
    """
    if not ("repr-digest" in fields or "digest" in fields or "content-digest" in fields):
        return ()
    found: dict[str, str] = {}
    sources = [("digest", _INSTANCE_DIGEST), ("content-digest", _BYTE_SEQUENCE), ("repr-digest", _BYTE_SEQUENCE)]
    for name, form in sources:
        text = fields.get(name)
        if not text or (name == "content-digest" and not whole):
            continue
        for item in text.split(","):
            match = form.fullmatch(item)
            if match is not None:
                found[match[1].lower()] = match[2]
    return _best(found)


def part_digest(fields: Mapping[str, str]) -> tuple[Digest, ...]:
    """Give the digest that a 206 declares of the bytes it carries: its Content-Digest (RFC 9530 section 2)."""
    text = fields.get("content-digest")
    if not text:
        return ()
    matches = [_BYTE_SEQUENCE.fullmatch(item) for item in text.split(",")]
    return _best({match[1]: match[2] for match in matches if match is not None})


def _best(found: Mapping[str, str]) -> tuple[Digest, ...]:
    """Give the first that can be read of digests by their names in the protocol."""
    for name, algorithm in _DIGESTS.items():
        if name in found:
            try:
                return (Digest(f"{algorithm}:{binascii.a2b_base64(found[name], strict_mode=True).hex()}"),)
            except (binascii.Error, MistakeError):
                continue  # RFC 9530 section 2: a recipient may ignore any of them
    return ()
