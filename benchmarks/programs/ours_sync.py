"""asyncfetch.sync, one fetch after the other."""

from __future__ import annotations

import asyncfetch
from asyncfetch import sync
from benchmarks.programs.clock import Item, Job, measured
from benchmarks.programs.ours import settings


def fetch(job: Job, items: list[Item]) -> None:
    with sync.Client(settings=settings(job)) as client:
        for item in items:
            client.fetch(item.url, item.path, digest=item.digest)


if __name__ == "__main__":
    measured(fetch, asyncfetch.__version__, verifies=True)
