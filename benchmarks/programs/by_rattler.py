"""py-rattler: ``fetch_repo_data``."""

from __future__ import annotations

import os
import sys

from rattler import Channel, fetch_repo_data
from rattler.platform import Platform

from benchmarks.programs.refreshing import timed


async def refresh(channel: str, subdirs: list[str], folder: str) -> None:
    platforms = [Platform(subdir) for subdir in subdirs]
    found = await fetch_repo_data(channels=[Channel(channel)], platforms=platforms, cache_path=folder, callback=None)
    assert len(found) == len(subdirs)


if __name__ == "__main__":
    timed(refresh)
    sys.stdout.flush()
    os._exit(0)  # its threads sometimes crash an interpreter that ends
