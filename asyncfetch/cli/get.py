"""``asyncfetch get``: fetch files, many at a time, from arguments and lists."""

from __future__ import annotations

from contextlib import ExitStack, aclosing
from typing import TYPE_CHECKING

import asyncfetch

from .cat import pour
from .lists import ListMistake
from .options import settings_of
from .trace import Trace
from .watching import watched
from .wishes import check, from_lists, from_urls, open_lists

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import AsyncGenerator
    from typing import BinaryIO

    from .._progress.tally import Tally
    from .output import Report


async def get(options: Namespace, report: Report, tally: Tally) -> int:
    """Fetch everything asked for, tell of each, and give the exit status. Raises Usage before anything begins."""
    check(options)
    settings = settings_of(options)
    with ExitStack() as leave:
        lists = open_lists(options, leave)
        wishes, mistakes = from_urls(options)
        for mistake in mistakes:
            await report.failure(mistake)
        if not wishes and not lists:
            return report.status
        if options.output == "-":
            return await pour(wishes[0], settings, report, tally)
        observer = watched(report, leave, tally, None if lists else len(wishes))
        if options.trace is not None:
            observer = leave.enter_context(Trace(options.trace, observer))
        async with asyncfetch.Client(settings=settings, observer=observer) as client:
            everything = _everything(wishes, lists, options, report)
            async with aclosing(client.as_fetched(everything)) as outcomes:
                async for outcome in outcomes:
                    if isinstance(outcome, asyncfetch.Result):
                        await report.result(outcome)
                    else:
                        await report.failure(outcome)
    count = tally.files + tally.failed
    if not report.quiet and (count > 1 or (count == 0 and report.status == 0)):
        report.say(f"asyncfetch: {tally.summary() if count else 'the list names nothing to fetch'}")
    return report.status


async def _everything(
    wishes: list[asyncfetch.Fetch], lists: list[tuple[BinaryIO, str]], options: Namespace, report: Report
) -> AsyncGenerator[asyncfetch.Fetch]:
    for wish in wishes:
        yield wish
    async with aclosing(from_lists(lists, options)) as entries:
        async for entry in entries:
            if isinstance(entry, ListMistake):
                await report.failure(entry)
            else:
                yield entry
