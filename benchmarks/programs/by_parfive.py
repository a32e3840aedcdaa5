"""parfive: its ``Downloader``, one connection a file as all others, so many files at a time."""

from __future__ import annotations

import os

import parfive

from benchmarks.programs.clock import Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    downloader = parfive.Downloader(max_conn=job.width, max_splits=1, progress=False, overwrite=True)
    for item in items:
        folder, name = os.path.split(item.path)
        downloader.enqueue_file(item.url, path=folder, filename=name)
    if errors := downloader.download().errors:
        raise SystemExit(str(errors[0]))


if __name__ == "__main__":
    measured(fetch, parfive.__version__)
