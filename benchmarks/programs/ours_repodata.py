"""asyncfetch: ``repodata.prefetch``."""

from __future__ import annotations

from asyncfetch import repodata
from benchmarks.programs.refreshing import timed


async def refresh(channel: str, subdirs: list[str], folder: str) -> None:
    for outcome in await repodata.prefetch([channel], subdirs, folder):
        assert outcome.path is not None, outcome


if __name__ == "__main__":
    timed(refresh)
