"""asyncfetch, one fetch after the other: what the sync facade is compared with."""

from __future__ import annotations

import asyncfetch
from benchmarks.programs.clock import Item, Job, measured, run_loop
from benchmarks.programs.ours import settings


def fetch(job: Job, items: list[Item]) -> None:
    async def main() -> None:
        async with asyncfetch.Client(settings=settings(job)) as client:
            for item in items:
                await client.fetch(item.url, item.path, digest=item.digest)

    run_loop(main, job.loop)


if __name__ == "__main__":
    measured(fetch, asyncfetch.__version__, verifies=True)
