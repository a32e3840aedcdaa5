"""pycurl: one handle for one file, a multi handle for many."""

from __future__ import annotations

import pycurl

from benchmarks.programs.clock import Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    multi, left = pycurl.CurlMulti(), iter(items)
    files: dict[pycurl.Curl, object] = {}

    def begin(handle: pycurl.Curl) -> bool:
        item = next(left, None)
        if item is None:
            return False
        files[handle] = file = open(item.path, "wb")  # noqa: SIM115 - closed when curl is done with it
        handle.setopt(pycurl.URL, item.url)
        handle.setopt(pycurl.WRITEDATA, file)
        handle.setopt(pycurl.FAILONERROR, 1)
        if job.ca:
            handle.setopt(pycurl.CAINFO, job.ca)
        multi.add_handle(handle)
        return True

    running = sum(begin(pycurl.Curl()) for _ in range(min(job.width, len(items))))
    while running:
        multi.perform()
        _, done, failed = multi.info_read()
        if failed:
            raise RuntimeError(failed[0][2])
        for handle in done:
            multi.remove_handle(handle)
            files.pop(handle).close()
            running -= not begin(handle)
        if not done:
            multi.select(1.0)
    multi.close()


if __name__ == "__main__":
    measured(fetch, pycurl.version_info()[1])
