"""asyncfetch: ``fetch`` for one file, ``as_fetched`` for many."""

from __future__ import annotations

import asyncfetch
from benchmarks.programs.clock import Item, Job, measured, run_loop


def settings(job: Job) -> asyncfetch.Settings:
    """What a user would set for this job."""
    return asyncfetch.Settings(
        limits=asyncfetch.Limits(total=job.width, per_host=job.width),
        trust=asyncfetch.Trust(verify=job.ca or True),
        s3=asyncfetch.S3(endpoint_url=job.endpoint),
    )


def fetch(job: Job, items: list[Item]) -> None:
    async def main() -> None:
        async with asyncfetch.Client(settings=settings(job)) as client:
            if len(items) == 1:
                (item,) = items
                await client.fetch(item.url, item.path, digest=item.digest)
                return
            wishes = (asyncfetch.Fetch(item.url, item.path, digest=item.digest) for item in items)
            async for outcome in client.as_fetched(wishes):
                if isinstance(outcome, asyncfetch.FetchError):
                    raise outcome

    run_loop(main, job.loop)


if __name__ == "__main__":
    measured(fetch, asyncfetch.__version__, verifies=True)
