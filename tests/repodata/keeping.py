"""A process that keeps a cache fresh; run by test_processes.py.

``python -m tests.repodata.keeping FOLDER ROUNDS CHANNEL SUBDIR...``: asks anew each round, and says "round N STATUS..."
when it is over.
"""

import sys

import anyio

from asyncfetch.repodata import prefetch

from .scene import a_client


async def main(folder, rounds, channel, *subdirs):
    async with a_client() as client:
        for number in range(int(rounds)):
            outcomes = await prefetch([channel], subdirs, folder, client=client, ttl=0)
            print("round", number, *(one.status for one in outcomes), flush=True)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
