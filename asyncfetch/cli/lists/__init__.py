"""Lists of what to fetch: one module a form, and ``read``, which recognises the form.

Rules: reading gives wishes (``Fetch``, their ``to`` a path below the directory that the user chose, or None) and, in
their place, the mistakes found; it raises nothing else. A mistake in a line costs that line; a list that is broken as a
whole ends. What can be read line by line is, so that a list of any length, or one still being written, takes no memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import conda, conda_lock, metalink, pylock, urls
from .source import ListMistake, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from asyncfetch import Fetch

__all__ = ["ListMistake", "read"]

MOST_MISTAKES = 20  # after these it is not a list at all, but somebody's photograph

_TOML = re.compile(r"\[|[A-Za-z0-9_-]+\s*=")
_YAML = re.compile(r"---|%YAML|(version|metadata|package)\s*:(\s|$)")


def read(stream: BinaryIO, name: str, *, platform: str | None = None) -> Iterator[Fetch | ListMistake]:
    """Read a list of any form; ``name`` is how mistakes call it.

    The form is told by the first line that is neither blank nor a comment. ``platform`` ("linux-64") says which
    packages of a conda-lock.yml are meant; by default those of this machine.
    """
    source = Source(stream, name)
    mistakes = 0
    try:
        for one in _reader(source, platform):
            yield one
            if isinstance(one, ListMistake):
                mistakes += 1
                if mistakes == MOST_MISTAKES:
                    yield source.mistake("too many mistakes, the rest is not read", one.line)
                    return
    except ListMistake as mistake:
        yield mistake
    except OSError as error:
        yield source.mistake(error)


def _reader(source: Source, platform: str | None) -> Iterator[Fetch | ListMistake]:
    first = source.first_telling_line()
    if first.lstrip().startswith("<"):
        return metalink.read(source)
    if first.split(maxsplit=1)[:1] == ["@EXPLICIT"]:
        return conda.read(source)
    if _TOML.match(first):
        return pylock.read(source)
    if _YAML.match(first):
        return conda_lock.read(source, platform)
    return urls.read(source)
