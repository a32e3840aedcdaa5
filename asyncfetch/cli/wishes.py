"""From arguments to wishes: URLs, and lists of any length, one after the other, as they are needed."""

from __future__ import annotations

import os
import stat
import sys
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

import asyncfetch

from .lists import ListMistake, read

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import AsyncGenerator, Iterator
    from contextlib import ExitStack

_BATCH = 256  # entries of a list read in one hop to a thread


class Usage(Exception):
    """The command line as a whole makes no sense: nothing is begun."""


def check(options: Namespace) -> None:
    """Refuse what cannot be meant. Raises Usage."""
    urls, single = options.urls, len(options.urls) == 1 and not options.input
    if not urls and not options.input:
        raise Usage("get takes a URL, or a list with -i")
    if options.output is not None and not single:
        raise Usage("-o names the file of one URL; for several, -d names their directory")
    if options.output == "" or options.directory == "":
        raise Usage("the destination is empty; `.` is the current directory")
    if options.output == "-" and options.json:
        raise Usage("-o - and --json both write to standard output")
    if not single:
        if any(":" in digest for digest in options.digest):
            raise Usage("--digest ALG:HEX is about one file, and here are several; in a list each has its own")
        if options.size is not None or options.mirror:
            raise Usage("--size and --mirror are about one file, and here are several")
    if options.input.count("-") > 1:
        raise Usage("standard input is one list")


def from_urls(options: Namespace) -> tuple[list[asyncfetch.Fetch], list[asyncfetch.MistakeError]]:
    """Give the wishes for the URLs on the command line, and what is wrong with the others."""
    wishes: list[asyncfetch.Fetch] = []
    mistakes: list[asyncfetch.MistakeError] = []
    names: set[str] = set()
    for text in options.urls:
        try:
            wish = asyncfetch.Fetch(
                text, options.output or _directory(options), mirrors=options.mirror, digest=options.digest,
                size=options.size, headers=options.header,
            )  # fmt: skip
            if wish in wishes:
                continue
            if wish.url.name in names:
                raise asyncfetch.MistakeError(
                    f"another URL is written to `{wish.url.name}` already", url=wish.url, hint="fetch it with -o"
                )
            names.add(wish.url.name)
            wishes.append(wish)
        except asyncfetch.MistakeError as error:
            mistakes.append(error)
    return wishes, mistakes


def open_lists(options: Namespace, leave: ExitStack) -> list[tuple[BinaryIO, str]]:
    """Open every list before anything begins. Raises Usage for one that cannot be opened."""
    opened: list[tuple[BinaryIO, str]] = []
    for name in options.input:
        if name == "-":
            opened.append((sys.stdin.buffer, "standard input"))
            continue
        try:
            opened.append((leave.enter_context(open(name, "rb")), name))  # noqa: SIM115 - `leave` closes it
        except (OSError, ValueError) as error:
            hint = "; a list is a file: asyncfetch cat URL | asyncfetch get -i -" if "://" in name else ""
            reason = getattr(error, "strerror", None) or str(error)
            raise Usage(f"cannot read the list `{name}`: {reason}{hint}") from error
    return opened


async def from_lists(
    lists: list[tuple[BinaryIO, str]], options: Namespace
) -> AsyncGenerator[asyncfetch.Fetch | ListMistake]:
    """Give what lists name, one after the other; reading waits in a thread."""
    from anyio import to_thread

    for stream, name in lists:
        entries = read(stream, name, platform=options.platform)
        # who writes to a pipe may pause between two lines, and the first of them is wanted now
        batch = _BATCH if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else 1
        while some := await to_thread.run_sync(_take, entries, batch, abandon_on_cancel=True):
            for entry in some:
                try:
                    yield entry if isinstance(entry, ListMistake) else _placed(entry, options)
                except asyncfetch.MistakeError as error:
                    yield ListMistake(error.reason, name=name)


def _take(entries: Iterator[asyncfetch.Fetch | ListMistake], count: int) -> list[asyncfetch.Fetch | ListMistake]:
    return list(islice(entries, count))


def _directory(options: Namespace) -> str:
    directory: str = options.directory or "."
    return directory if directory.endswith(("/", os.sep)) else directory + os.sep


def _placed(wish: asyncfetch.Fetch, options: Namespace) -> asyncfetch.Fetch:
    """Put the wish of a list below the directory; what the command line says of all wishes holds for it too."""
    return asyncfetch.Fetch(
        wish.url,
        _directory(options) + (wish.to or ""),
        mirrors=wish.mirrors,
        digest=wish.digest or options.digest,
        size=wish.size,
        headers=(*wish.headers, *options.header),
    )
