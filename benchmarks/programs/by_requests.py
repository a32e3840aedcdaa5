"""requests with threads, a session each, as conda does it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from benchmarks.programs.clock import CHUNK, Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    own = threading.local()

    def one(item: Item) -> None:
        session = getattr(own, "session", None)
        if session is None:
            session = own.session = requests.Session()
        with session.get(
            item.url, stream=True, timeout=60, verify=job.ca or True
        ) as response:  # before the environment
            response.raise_for_status()
            with open(item.path, "wb") as file:
                file.writelines(response.iter_content(CHUNK))

    with ThreadPoolExecutor(min(job.width, len(items))) as pool:
        list(pool.map(one, items))


if __name__ == "__main__":
    measured(fetch, requests.__version__)
