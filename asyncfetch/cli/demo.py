"""``asyncfetch demo``: real servers on this machine, real fetches through every scheme, and a table of what happened.

Status 0 only if every scene went as it must. No network, nothing left behind.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import asyncfetch

from .._progress.text import shown
from .scenes import Stage, Surprise, scenes, settings_for

if TYPE_CHECKING:
    from argparse import Namespace

    from .._progress.tally import Tally
    from .output import Report


async def demo(_options: Namespace, report: Report, _tally: Tally) -> int:
    """Play every scene, print a line for each, and give the exit status."""
    failed = 0
    with ExitStack() as leave:
        folder = leave.enter_context(tempfile.TemporaryDirectory(prefix="asyncfetch-demo-"))
        try:
            from asyncfetch.testing.far_ends import FAR_ENDS

            far_ends = {scheme: leave.enter_context(opened()) for scheme, opened in FAR_ENDS.items()}
        except ImportError as error:
            report.say(f"asyncfetch: error: the demo needs {error.name}: pip install 'asyncfetch[testing]'")
            return 1
        stage = Stage(far_ends, folder, settings_for(far_ends))
        await report.line(f"{'':4}  {'what':33}  {'seconds':>7}  what happened")
        for what, scene in scenes(stage):
            began = time.perf_counter()
            try:
                happened, held = await scene(), True
            except (Surprise, asyncfetch.FetchError) as error:
                happened, held = f"{type(error).__name__}: {error}", False
            failed += not held
            seconds = time.perf_counter() - began
            await report.line(f"{'ok' if held else 'FAIL':4}  {what:33}  {seconds:7.2f}  {shown(happened)}")
        for part in _leftovers(stage):
            failed += 1
            await report.line(f"FAIL  {'nothing half-done is left':33}  {'':7}  {part}")
    await report.line("all as it must be" if not failed else f"{failed} not as it must be")
    return 1 if failed else 0


def _leftovers(stage: Stage) -> list[str]:
    return [name for _, _, names in os.walk(os.path.join(stage.folder, "fetched")) for name in names if ".part" in name]
