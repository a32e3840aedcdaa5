"""aiohttp, writing files as its documentation does: ``iter_chunked`` into an open file."""

from __future__ import annotations

import ssl

import aiohttp

from benchmarks.programs.clock import CHUNK, Item, Job, by_workers, measured, run_loop


def fetch(job: Job, items: list[Item]) -> None:
    async def main() -> None:
        context = ssl.create_default_context(cafile=job.ca) if job.ca else True
        connector = aiohttp.TCPConnector(limit=job.width, ssl=context)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

            async def one(item: Item) -> None:
                async with session.get(item.url) as response:
                    response.raise_for_status()
                    with open(item.path, "wb") as file:
                        async for chunk in response.content.iter_chunked(CHUNK):
                            file.write(chunk)

            await by_workers(items, job.width, one)

    run_loop(main, job.loop)


if __name__ == "__main__":
    measured(fetch, aiohttp.__version__)
