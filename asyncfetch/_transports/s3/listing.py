"""One page of ListObjectsV2: keys become files, common prefixes directories, names are relative to what was listed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

from ..._model.errors import ProtocolViolation
from ..._model.exchange import Entry
from ..._model.url import Url
from .address import canonical_query, encode_key
from .markup import child_text, children, name_of, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

# 1,000 keys of 1,024 bytes, percent-encoded, and 300 bytes of markup each are 3.4 MB
LONGEST_PAGE = 8 * 1024 * 1024


class Page(NamedTuple):
    """What one page lists, and the token of the next; ``is_there`` tells that something has the prefix."""

    entries: tuple[Entry, ...]
    is_there: bool
    next_token: str | None


def page_query(prefix: str, token: str | None) -> str:
    """Give the query that asks for a page, sorted and encoded."""
    parameters = [("list-type", "2"), ("delimiter", "/"), ("encoding-type", "url"), ("prefix", prefix)]
    if token is not None:
        parameters.append(("continuation-token", token))
    return canonical_query(parameters)


def read_page(data: bytes, url: Url, prefix: str) -> Page:
    """Read a page. Raises ProtocolViolation."""
    try:
        root = parse(data)
    except ValueError as error:
        raise ProtocolViolation(f"a listing that is no XML: {error}", url=url) from error
    if name_of(root) != "ListBucketResult":
        raise ProtocolViolation(f"a {name_of(root)} in place of a listing", url=url)
    is_encoded = child_text(root, "EncodingType") == "url"
    entries = sorted(_entries(root, url, prefix, is_encoded=is_encoded), key=lambda entry: entry.url.path)
    token = None
    if child_text(root, "IsTruncated").lower() == "true":
        token = child_text(root, "NextContinuationToken")
        if not token:
            raise ProtocolViolation("a listing that is cut, without saying how it goes on", url=url)
    found = children(root, "Contents") or children(root, "CommonPrefixes")
    return Page(tuple(entries), bool(found), token)


def _entries(root: Element, url: Url, prefix: str, *, is_encoded: bool) -> Iterator[Entry]:
    for element in root:
        kind = name_of(element)
        if kind not in ("Contents", "CommonPrefixes"):
            continue
        key = _key(element, "Key" if kind == "Contents" else "Prefix", is_encoded=is_encoded)
        if not key.startswith(prefix):
            raise ProtocolViolation("a listing of what was not asked for", url=url)
        name = key[len(prefix) :]
        where = Url(f"s3://{url.host}/{encode_key(key.encode('utf-8', 'surrogateescape'))}")
        if kind == "CommonPrefixes":
            yield Entry(where, name.removesuffix("/"), "directory")
        elif name:  # the empty name is the marker object that makes the directory itself
            yield Entry(where, name, "file", _size(element), _modified(element))


def _key(element: Element, name: str, *, is_encoded: bool) -> str:
    text = next((child.text or "" for child in children(element, name)), "")  # not stripped: a key may end in a space
    return unquote_plus(text, errors="surrogateescape") if is_encoded else text


def _size(element: Element) -> int | None:
    text = child_text(element, "Size")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _modified(element: Element) -> datetime | None:
    try:
        moment = datetime.fromisoformat(child_text(element, "LastModified"))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
