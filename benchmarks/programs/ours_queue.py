"""asyncfetch with a long queue: ``as_fetched`` over a generator of ``Job.count`` wishes, bodies in memory."""

from __future__ import annotations

import asyncfetch
from benchmarks.programs.clock import Item, Job, measured, run_loop
from benchmarks.programs.ours import settings


def fetch(job: Job, items: list[Item]) -> None:
    async def main() -> None:
        (item,) = items
        wishes = (asyncfetch.Fetch(f"{item.url}?{number}") for number in range(job.count))
        async with asyncfetch.Client(settings=settings(job)) as client:
            async for outcome in client.as_fetched(wishes):
                if isinstance(outcome, asyncfetch.FetchError):
                    raise outcome

    run_loop(main, job.loop)


if __name__ == "__main__":
    measured(fetch, asyncfetch.__version__)
