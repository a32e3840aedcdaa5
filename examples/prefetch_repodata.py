"""What a solver needs before it can begin: the repodata of many channels and platforms, fresh on disk, all at a time.

    python prefetch_repodata.py cache/ linux-64,noarch CHANNEL...

The cache is laid out as conda reads it. What is still fresh costs no request, what is unchanged one, and what changed
comes compressed or as a patch. A channel that fails ends no other: the last good copy is used, and said to be old.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial

import anyio
import anyio.to_thread

import asyncfetch
from asyncfetch import repodata


def count(path: str) -> int:
    """Count the packages in a repodata.json."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    return len(data.get("packages", ())) + len(data.get("packages.conda", ()))


async def main(cache: str, subdirs: str, *channels: str) -> int:
    """Bring the cache up to date, and say what is in it; gives an exit status."""
    failures = packages = 0
    began = time.perf_counter()
    async with asyncfetch.Client() as client:
        outcomes = await repodata.prefetch(channels, subdirs.split(","), cache, client=client, stale=True)
    for outcome in outcomes:
        word = f"{outcome.status}, {outcome.bytes_transferred} bytes"
        if outcome.stale:
            word += ", may be old"
        if outcome.path is None:
            failures += 1
        else:
            packages += await anyio.to_thread.run_sync(count, outcome.path)
        print(f"{outcome.channel} {outcome.subdir}: {word}")
        if outcome.error is not None:
            print(outcome.error, file=sys.stderr)
    print(f"{packages} packages to choose from, in {time.perf_counter() - began:.1f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(anyio.run(partial(main, *sys.argv[1:])))
