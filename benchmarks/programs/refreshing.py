"""What the contenders of the repodata rows do alike: warm up, run once, print what it took.

``python -m benchmarks.programs.NAME BASE FOLDER SUBDIR... cold|fresh``; fresh runs once more beforehand, off the clock.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.programs.clock import start_clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Refresh = Callable[[str, list[str], str], Awaitable[None]]


def timed(refresh: Refresh) -> None:
    """Run ``refresh(channel, subdirs, folder)`` as the command line says."""
    base, folder, *subdirs, what = sys.argv[1:]
    asyncio.run(_timed(refresh, base, folder, subdirs, fresh=what == "fresh"))


async def _timed(refresh: Refresh, base: str, folder: str, subdirs: list[str], *, fresh: bool) -> None:
    Path(folder, "warm").mkdir(parents=True, exist_ok=True)
    await refresh(f"{base}warm-channel", ["noarch"], f"{folder}/warm")
    if fresh:
        await refresh(f"{base}channel", subdirs, folder)
    stop = start_clock()
    await refresh(f"{base}channel", subdirs, folder)
    print(*stop())
