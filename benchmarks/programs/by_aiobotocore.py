"""aiobotocore: ``get_object`` and its own body stream into an open file."""

from __future__ import annotations

import aiobotocore
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from benchmarks.programs.clock import CHUNK, Item, Job, by_workers, measured, run_loop


def fetch(job: Job, items: list[Item]) -> None:
    async def main() -> None:
        config = AioConfig(max_pool_connections=job.width, s3={"addressing_style": "path"})
        async with AioSession().create_client("s3", endpoint_url=job.endpoint, config=config) as client:

            async def one(item: Item) -> None:
                bucket, _, key = item.url.removeprefix("s3://").partition("/")
                answer = await client.get_object(Bucket=bucket, Key=key)
                async with answer["Body"] as body:
                    with open(item.path, "wb") as file:
                        while chunk := await body.read(CHUNK):
                            file.write(chunk)

            await by_workers(items, job.width, one)

    run_loop(main, job.loop)


if __name__ == "__main__":
    measured(fetch, aiobotocore.__version__)
