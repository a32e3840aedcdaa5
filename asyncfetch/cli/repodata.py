"""``asyncfetch repodata``: bring conda's cache of repodata up to date."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import asyncfetch
from asyncfetch import repodata

from .._progress.text import shown
from .lists.conda_lock import this_platform
from .options import settings_of
from .watching import watched

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from .._progress.tally import Tally
    from .output import Report


async def refresh(options: Namespace, report: Report, tally: Tally) -> int:
    """Bring every subdir of every channel up to date, tell of each, and give the exit status."""
    subdirs = tuple(dict.fromkeys(options.subdir or (this_platform(), "noarch")))
    more: dict[str, Any] = {"ttl": options.ttl, "stale": options.stale}
    if options.format:
        more["formats"] = tuple(options.format)
    if options.alias is not None:
        more["alias"] = options.alias
    with ExitStack() as leave:
        observer = watched(report, leave, tally, len(options.channels) * len(subdirs))
        async with asyncfetch.Client(settings=settings_of(options), observer=observer) as client:
            cache_dir = options.cache_dir or cache_folder(os.environ)
            outcomes = await repodata.prefetch(options.channels, subdirs, cache_dir, client=client, **more)
    for outcome in outcomes:
        await _tell(outcome, report)
    if not report.quiet and tally.files + tally.failed:
        report.say(f"asyncfetch: {tally.summary()}")
    return report.status


async def _tell(outcome: repodata.Outcome, report: Report) -> None:
    if outcome.error is not None and not outcome.stale:
        report.failures += 1
    if report.json:
        await report.object(_object(outcome))
    elif outcome.path is not None or outcome.status is repodata.Status.ABSENT:
        word = "stale" if outcome.stale else outcome.status.value
        await report.line(f"{word:9}  {shown(outcome.path or '-')}  {shown(outcome.channel)}/{outcome.subdir}")
    if outcome.error is not None:
        level = "warning" if outcome.stale else "error"
        report.say(f"asyncfetch: {level}: {shown(str(outcome.error))}")


def _object(outcome: repodata.Outcome) -> dict[str, Any]:
    return {
        "channel": outcome.channel,
        "subdir": outcome.subdir,
        "path": outcome.path,
        "status": outcome.status.value,
        "stale": outcome.stale,
        "bytes_transferred": outcome.bytes_transferred,
        "error": None if outcome.error is None else str(outcome.error),
        "kind": None if outcome.error is None else type(outcome.error).__name__,
    }


def cache_folder(env: Mapping[str, str]) -> str:
    """Give the cache folder that conda reads: in the first of its package folders that can be written."""
    folders = [one for one in env.get("CONDA_PKGS_DIRS", "").replace(os.pathsep, ",").split(",") if one]
    if not folders:
        if program := env.get("CONDA_EXE"):  # <root>/bin/conda
            folders.append(os.path.join(os.path.dirname(os.path.dirname(program)), "pkgs"))
        folders.append(os.path.join(os.path.expanduser("~"), ".conda", "pkgs"))
    chosen = next((one for one in folders if os.access(one, os.W_OK)), folders[-1])
    return os.path.join(os.path.expanduser(chosen), "cache")
