"""No client to speak of: sixteen connections read a sixteenth of the file each, to nowhere. What the link gives."""

from __future__ import annotations

import http.client
import itertools
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from benchmarks.programs.clock import CHUNK, Item, Job, measured

_CONNECTIONS = 16


def fetch(_: Job, items: list[Item]) -> None:
    for item in items:
        edges = [item.size * number // _CONNECTIONS for number in range(_CONNECTIONS + 1)]
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            got = sum(pool.map(lambda span, url=item.url: _read(url, *span), itertools.pairwise(edges)))
        assert got == item.size, f"{got} bytes came, not {item.size}"


def _read(url: str, start: int, stop: int) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    try:
        connection.request("GET", parts.path, headers={"Range": f"bytes={start}-{stop - 1}"})
        view, got = bytearray(CHUNK), 0
        with connection.getresponse() as response:
            while count := response.readinto(view):
                got += count
        return got
    finally:
        connection.close()


if __name__ == "__main__":
    measured(fetch, sys.version.split()[0])
