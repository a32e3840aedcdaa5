"""httpx, or its successor httpx2 when called `by_httpx2`: ``stream`` and ``aiter_raw`` into an open file."""

from __future__ import annotations

import importlib
import ssl

from benchmarks.programs.clock import CHUNK, Item, Job, by_workers, measured, run_loop


def main(name: str) -> None:
    httpx = importlib.import_module(name)

    def fetch(job: Job, items: list[Item]) -> None:
        async def main() -> None:
            context = ssl.create_default_context(cafile=job.ca) if job.ca else True
            limits = httpx.Limits(max_connections=job.width, max_keepalive_connections=job.width)
            async with httpx.AsyncClient(verify=context, limits=limits, timeout=None) as client:

                async def one(item: Item) -> None:
                    async with client.stream("GET", item.url) as response:
                        response.raise_for_status()
                        with open(item.path, "wb") as file:
                            async for chunk in response.aiter_raw(CHUNK):
                                file.write(chunk)

                await by_workers(items, job.width, one)

        run_loop(main, job.loop)

    measured(fetch, httpx.__version__)


if __name__ == "__main__":
    main("httpx")
