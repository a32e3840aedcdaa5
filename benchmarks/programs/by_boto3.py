"""boto3: ``download_file``, which splits large objects over threads of its own; many objects over a thread pool."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

from benchmarks.programs.clock import Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    config = Config(max_pool_connections=max(job.width, 10), s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=job.endpoint, config=config)

    def one(item: Item) -> None:
        bucket, _, key = item.url.removeprefix("s3://").partition("/")
        client.download_file(bucket, key, item.path)

    with ThreadPoolExecutor(min(job.width, len(items))) as pool:
        list(pool.map(one, items))


if __name__ == "__main__":
    measured(fetch, boto3.__version__)
