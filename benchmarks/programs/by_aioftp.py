"""aioftp: ``Client.download``."""

from __future__ import annotations

from importlib.metadata import version
from urllib.parse import urlsplit

import aioftp

from benchmarks.programs.clock import Item, Job, by_workers, measured, run_loop


def fetch(job: Job, items: list[Item]) -> None:
    async def main() -> None:
        async def one(item: Item) -> None:
            url = urlsplit(item.url)
            async with aioftp.Client.context(url.hostname, url.port) as client:
                await client.download(url.path.lstrip("/"), item.path, write_into=True)

        await by_workers(items, job.width, one)

    run_loop(main, job.loop)


if __name__ == "__main__":
    measured(fetch, version("aioftp"))
