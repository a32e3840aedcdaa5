"""URLs one a line, and the aria2 input form, of which that is a part.

aria2 (manual, "Input File"): the URIs of one file stand on one line, separated by tabs; the lines after it that begin
with white space are its options. ``out``, ``dir``, ``checksum`` and ``header`` mean here what they mean there, others
are named and left out. ``#`` begins a comment line. A digest may follow as a fragment (``#sha256:HEX``), as conda and
pip write it.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncfetch

from .source import best_digest, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .source import ListMistake, Source

_log = logging.getLogger("asyncfetch.cli")
_OPTION = re.compile(r"([a-z][a-z0-9-]*)\s*=\s*(.*)")
_FRAGMENT = re.compile(r"(sha256|sha512|sha1|md5|blake2b(?:-256)?)[:=]([0-9A-Fa-f]+)\Z")


@dataclass(slots=True)
class _Entry:
    line: int
    urls: list[str]
    out: str | None = None
    directory: str | None = None
    checksums: list[tuple[str, str]] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)


def read(source: Source) -> Iterator[asyncfetch.Fetch | ListMistake]:
    """Read a list of URLs, plain or in the aria2 form."""
    entry: _Entry | None = None
    skipping = False  # the options of an entry that is already named as a mistake
    for number, text in source:
        content = text.strip()
        if not content or content.startswith("#"):
            continue
        option = _OPTION.match(content) if text[0] in " \t" else None
        if option is None:
            if entry is not None:
                yield _wish(source, entry)
            entry, skipping = _Entry(number, [part.strip() for part in content.split("\t") if part.strip()]), False
            continue
        if entry is None:
            if not skipping:
                yield source.mistake("an option stands before the first URL", number)
            continue
        try:
            _apply(source, entry, number, *option.groups())
        except ValueError as error:
            yield source.mistake(error, number)
            entry, skipping = None, True
    if entry is not None:
        yield _wish(source, entry)


def _apply(source: Source, entry: _Entry, line: int, name: str, value: str) -> None:
    match name:
        case "out":
            entry.out = safe_name(value)
        case "dir":
            entry.directory = safe_name(value.rstrip("/")) if value.rstrip("/") != "." else None
        case "checksum":
            algorithm, _, digits = value.partition("=")
            best_digest([(algorithm, digits)])
            entry.checksums.append((algorithm, digits))
        case "header":
            key, colon, content = value.partition(":")
            if not colon:
                raise ValueError("a header is written `header=Name: value`")
            entry.headers.append((key.strip(), content.strip()))
        case _:
            _log.warning("%s line %d: the option %s is not used here", source.name, line, name)


def _wish(source: Source, entry: _Entry) -> asyncfetch.Fetch | ListMistake:
    fragments = [_FRAGMENT.match(url.partition("#")[2]) for url in entry.urls]
    checksums = entry.checksums + [(found[1], found[2]) for found in fragments if found]
    folder = "" if entry.directory is None else entry.directory + "/"
    try:
        return asyncfetch.Fetch(
            entry.urls[0],
            f"{folder}{entry.out or ''}" or None,
            mirrors=entry.urls[1:],
            digest=best_digest(checksums),
            headers=entry.headers,
        )
    except ValueError as error:
        return source.mistake(error, entry.line)
