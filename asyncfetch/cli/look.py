"""``asyncfetch stat`` and ``asyncfetch list``: what is there, without fetching it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio

import asyncfetch

from .._progress.text import shown
from .options import settings_of
from .output import time_text

if TYPE_CHECKING:
    from argparse import Namespace

    from .._progress.tally import Tally
    from .output import Report


async def stat(options: Namespace, report: Report, _tally: Tally) -> int:
    """Show size, date, validator and type of each URL, in the order asked, and give the exit status."""
    outcomes: list[asyncfetch.Stat | asyncfetch.FetchError | None] = [None] * len(options.urls)
    headers = dict(options.header)

    async def ask(client: asyncfetch.Client, number: int, url: str) -> None:
        try:
            outcomes[number] = await client.stat(url, headers=headers)
        except asyncfetch.FetchError as error:
            outcomes[number] = error

    async with asyncfetch.Client(settings=settings_of(options)) as client, anyio.create_task_group() as tasks:
        for number, url in enumerate(options.urls):
            tasks.start_soon(ask, client, number, url)
    found = []
    for url, outcome in zip(options.urls, outcomes, strict=True):
        if isinstance(outcome, asyncfetch.FetchError):
            await report.failure(outcome)
        elif outcome is not None:
            found.append((asyncfetch.Url(url), outcome))
    if report.json:
        for url, about in found:
            await report.object(_stat_object(url, about))
        return report.status
    rows = [_stat_row(url, about) for url, about in found]
    widths = [max(len(row[column]) for row in rows) for column in range(5)] if rows else []
    for size, *rest in rows:
        cells = [size.rjust(widths[0]), *(text.ljust(width) for text, width in zip(rest, widths[1:], strict=True))]
        await report.line("  ".join(cells).rstrip())
    return report.status


def _stat_row(url: asyncfetch.Url, about: asyncfetch.Stat) -> tuple[str, str, str, str, str]:
    return (
        "-" if about.size is None else str(about.size),
        time_text(about.modified) or "-",
        shown(_validator_text(about.validator)),
        shown(about.content_type or "-"),
        str(url),
    )


def _validator_text(validator: asyncfetch.Validator | None) -> str:
    """Give what the source itself calls the version: its tag, else its date."""
    if validator is None:
        return "-"
    return validator.version or validator.etag or validator.modified or "-"


def _stat_object(url: asyncfetch.Url, about: asyncfetch.Stat) -> dict[str, Any]:
    return {
        "url": str(url),
        "size": about.size,
        "modified": time_text(about.modified),
        "validator": None if about.validator is None else about.validator.to_json(),
        "content_type": about.content_type,
    }


async def listing(options: Namespace, report: Report, _tally: Tally) -> int:
    """List what is below a URL as it comes: kind, size, date and name; give the exit status."""
    async with asyncfetch.Client(settings=settings_of(options)) as client:
        try:
            async with aclosing(client.list(options.url)) as entries:
                async for entry in entries:
                    if report.json:
                        await report.object(_entry_object(entry))
                    else:
                        await report.line(_entry_text(entry))
        except asyncfetch.FetchError as error:
            await report.failure(error)
    return report.status


def _entry_text(entry: asyncfetch.Entry) -> str:
    size = "-" if entry.size is None else str(entry.size)
    return f"{entry.kind:9}  {size:>12}  {time_text(entry.modified) or '-':20}  {shown(entry.name)}"


def _entry_object(entry: asyncfetch.Entry) -> dict[str, Any]:
    return {
        "url": str(entry.url),
        "name": entry.name,
        "kind": entry.kind,
        "size": entry.size,
        "modified": time_text(entry.modified),
    }
