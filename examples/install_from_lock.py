"""An asynchronous installer: awaits the packages of a lock file, and unpacks while others still arrive.

    python install_from_lock.py packages.lock prefix/ [cache/]

A line of the lock file is ``URL sha256:HEX [mirror URL ...]``; packages are tar archives. Fetching is the client's
concern: how many at a time, retries, mirrors, digests. Unpacking takes a processor, so it runs in threads, and no more
archives wait for it than there are processors: a slow disk slows the network down, in place of filling the memory.
"""

from __future__ import annotations

import os
import sys
import tarfile
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

import asyncfetch


def read_lock(path: str | Path, cache: str | Path) -> list[asyncfetch.Fetch]:
    """Read the wishes of a lock file."""
    wishes = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            url, digest, *mirrors = line.split()
            wishes.append(asyncfetch.Fetch(url, f"{cache}{os.sep}", digest=digest, mirrors=mirrors))
    return wishes


def unpack(archive: str, prefix: str | Path) -> int:
    """Unpack one package; gives the number of its members."""
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        tar.extractall(prefix, filter="data")
    return len(members)


async def install(lock: str | Path, prefix: str | Path, cache: str | Path = "cache") -> list[str]:
    """Install everything in a lock file; gives the sentences to tell about what failed."""
    problems: list[str] = []
    free = anyio.Semaphore(os.cpu_count() or 1)

    async def install_one(path: str) -> None:
        try:
            count = await anyio.to_thread.run_sync(unpack, path, prefix)
            print(f"installed {Path(path).name}: {count} files")
        except (tarfile.TarError, OSError) as error:
            problems.append(f"could not unpack {path}: {error}")
        finally:
            free.release()

    async with asyncfetch.Client() as client, anyio.create_task_group() as unpacking:
        async for outcome in client.as_fetched(read_lock(lock, cache)):
            if isinstance(outcome, asyncfetch.FetchError):
                problems.append(str(outcome))
            elif outcome.path is not None:
                await free.acquire()
                unpacking.start_soon(install_one, outcome.path)
    return problems


if __name__ == "__main__":
    if len(sys.argv) not in {3, 4}:
        sys.exit(__doc__)
    failed = anyio.run(partial(install, *sys.argv[1:]))
    for problem in failed:
        print(problem, file=sys.stderr)
    sys.exit(1 if failed else 0)
