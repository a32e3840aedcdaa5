"""conda explicit files: ``@EXPLICIT``, then one URL a line, each with ``#MD5``, ``#sha256:HEX`` or nothing.

What ``conda list --explicit --md5`` (or ``--sha256``) and ``conda-lock render`` write. ``#`` begins a comment line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncfetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .source import ListMistake, Source

_BY_LENGTH = {32: "md5", 64: "sha256"}


def read(source: Source) -> Iterator[asyncfetch.Fetch | ListMistake]:
    """Read a conda explicit file."""
    for number, text in source:
        content = text.strip()
        if not content or content.startswith("#") or content == "@EXPLICIT":
            continue
        url, _, fragment = content.partition("#")
        try:
            yield asyncfetch.Fetch(url.strip(), digest=_digest(fragment.strip()))
        except asyncfetch.MistakeError as error:
            yield source.mistake(error, number)


def _digest(fragment: str) -> str | None:
    if not fragment or ":" in fragment:
        return fragment or None
    algorithm = _BY_LENGTH.get(len(fragment))
    if algorithm is None:
        raise asyncfetch.MistakeError("after `#` stands an MD5 of 32 hex digits, or `sha256:` and 64")
    return f"{algorithm}:{fragment}"
