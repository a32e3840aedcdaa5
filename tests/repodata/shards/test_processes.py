"""Several processes on one cache, and processes killed in the midst of it: what is there is always sound."""

import os
import random
import signal
import subprocess
import sys

import anyio
import pytest
from anyio import to_thread

from asyncfetch.repodata._shards import shards
from asyncfetch.testing import HttpServer

from .channel import INDEX, Sharded

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("ASYNCFETCH_KILLS") or 2)  # a hundred take three minutes
_COUNT = 60

# prints how many records it found
_PROGRAM = """
import sys, anyio
from asyncfetch.repodata._shards import shards
async def main():
    found, = await shards(["n0"], [sys.argv[1]], ["linux-64"], sys.argv[2])
    if found.error is not None:
        raise found.error
    print(len(found.packages), len(found.packages_conda))
anyio.run(main)
"""


def _start(server, folder):
    command = [sys.executable, "-c", _PROGRAM, server.url("/c"), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _version(server, number):
    """Serve a channel none of whose shards was there before."""
    names = [f"n{one}" for one in range(_COUNT)]
    below = {
        name: [f"{names[(2 * one + 1) % _COUNT]} {number}", names[(2 * one + 2) % _COUNT]]
        for one, name in enumerate(names)
    }
    channel = Sharded(below)
    for name, data in channel.files().items():
        server.serve(f"/c/linux-64/{name}", data)
    return channel


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # the loop that counts is the one of the processes
async def test_two_processes_at_once_and_one_after_them(tmp_path):
    with HttpServer() as server:
        channel = _version(server, 0)
        processes = [_start(server, tmp_path) for _ in range(2)]
        told = [await to_thread.run_sync(process.communicate) for process in processes]
        assert told == [(f"{_COUNT} {_COUNT}\n", "")] * 2
        before = server.body_bytes_sent
        (records,) = await shards(["n0"], [server.url("/c")], ["linux-64"], tmp_path)
        assert (records.packages, records.packages_conda) == (channel.packages, channel.packages_conda)
        assert server.body_bytes_sent == before
    assert [name for name in os.listdir(tmp_path) if name.endswith(".db")] == ["asyncfetch-shards-1.db"]


@pytest.mark.timeout(60 + KILLS * 10)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_killed_at_random(tmp_path):
    chance = random.Random(7)
    killed = 0
    with HttpServer() as server:
        for number in range(KILLS):
            channel = _version(server, number)
            begun = len(server.requests) + chance.randint(1, _COUNT)
            process = _start(server, tmp_path)
            await to_thread.run_sync(server.wait_until, lambda begun=begun: len(server.requests) >= begun)
            process.send_signal(signal.SIGKILL)
            await to_thread.run_sync(process.communicate)
            killed += process.returncode == -signal.SIGKILL
            with anyio.fail_after(30):
                (records,) = await shards(["n0"], [server.url("/c")], ["linux-64"], tmp_path)
            assert (records.packages, records.packages_conda) == (channel.packages, channel.packages_conda)
    assert killed >= KILLS - 1  # the last request may be its end
    left = sorted(name.partition(".")[2] for name in os.listdir(tmp_path) if "-wal" not in name and "-shm" not in name)
    assert left == ["db", "info.json", INDEX.partition(".")[2]], left
