"""pooch: ``retrieve`` with the known hash, which it verifies; many files over threads."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor

import pooch

from benchmarks.programs.clock import CHUNK, Item, Job, measured

pooch.get_logger().setLevel(logging.ERROR)


def fetch(job: Job, items: list[Item]) -> None:
    download = pooch.HTTPDownloader(chunk_size=CHUNK, verify=job.ca or True)

    def one(item: Item) -> None:
        folder, name = os.path.split(item.path)
        pooch.retrieve(item.url, item.digest, fname=name, path=folder, downloader=download)

    with ThreadPoolExecutor(min(job.width, len(items))) as pool:
        list(pool.map(one, items))


if __name__ == "__main__":
    measured(fetch, pooch.__version__.lstrip("v"), verifies=True)
