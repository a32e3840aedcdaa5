"""What a scripted resource is at one time: bytes and the validators that go with them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from email.utils import format_datetime, formatdate, parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from .faults import AUTO, Change
from .pattern import Pattern

if TYPE_CHECKING:
    from datetime import datetime

FIRST_DATE = "Wed, 01 Jan 2025 00:00:00 GMT"


@dataclass(frozen=True, slots=True)
class Version:
    """What a resource is at one time."""

    data: bytes | Pattern
    etag: str | None
    last_modified: str | None
    content_type: str | None = "application/octet-stream"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def first(
        cls, data: bytes | Pattern, etag: str | None, last_modified: datetime | str | None, **more: object
    ) -> Version:
        """Make the first version; a validator that is AUTO is computed."""
        if last_modified is not None and not isinstance(last_modified, str):
            last_modified = format_datetime(last_modified, usegmt=True)
        etag = _etag(data) if etag == AUTO else etag
        return cls(data, etag, FIRST_DATE if last_modified == AUTO else last_modified, **more)  # type: ignore[arg-type] # the two fields left, by name

    def changed(self, change: Change) -> Version:
        """Make the next version."""
        data = self.data if change.data is None else change.data
        etag, last_modified = change.etag, change.last_modified
        if etag == AUTO:
            etag = None if self.etag is None else _etag(data, self.etag)
        if last_modified == AUTO and self.last_modified is not None:
            later = parsedate_to_datetime(self.last_modified).timestamp() + 86_400
            last_modified = formatdate(later, usegmt=True)
        return replace(self, data=data, etag=etag, last_modified=None if last_modified == AUTO else last_modified)

    def gzipped(self) -> Version:
        """Give the content-coded form: another representation, with an entity tag of its own."""
        etag = None if self.etag is None else self.etag[:-1] + '-gzip"'
        more = (*self.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
        return replace(self, data=_gzip(self.data), etag=etag, headers=more)


@lru_cache(maxsize=32)
def _gzip(data: bytes | Pattern) -> bytes:
    return gzip.compress(data.read() if isinstance(data, Pattern) else data, mtime=0)


def _etag(data: bytes | Pattern, before: str = "") -> str:
    seed = repr(data).encode() if isinstance(data, Pattern) else data
    weak = "W/" if before.startswith("W/") else ""
    return f'{weak}"{sha256(seed + before.encode()).hexdigest()[:20]}"'
