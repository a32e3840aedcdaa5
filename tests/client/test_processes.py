"""Several processes and one destination: one transfer, all succeed; and a holder that is gone or stands still."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from asyncfetch.testing import Hold, HttpServer, Pattern, SlowHead, Stall

from .scene import LARGE, MIDDLE, SMALL, client, far_end, until, whole_or_nothing

ROOT = Path(__file__).parents[2]
CHILD = """
import sys, anyio, asyncfetch, asyncfetch._client, asyncfetch._transports.http.transport, asyncfetch._sinks.file
async def main():
    url, to, digest = sys.argv[1:]
    async with asyncfetch.Client() as client:
        print("ready", flush=True)
        sys.stdin.readline()
        result = await client.fetch(url, to, digest=digest or None)
        print(result.size, result.transferred, result.resumed_from, flush=True)
anyio.run(main)
"""


class Child:
    """A process that fetches once it is told to go."""

    def __init__(self, url, to, digest=""):
        self.process = subprocess.Popen(
            [sys.executable, "-c", CHILD, url, str(to), digest],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.process.kill()
        self.process.communicate()

    def ready(self):
        assert self.process.stdout.readline() == "ready\n"

    def go(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self):
        return tuple(map(int, self.process.stdout.readline().split()))


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("digested", [True, False])
def test_three_processes_are_one_transfer(tmp_path, body, digested):
    """The first answer is held until the others have had time to see the lock."""
    go = threading.Event()
    with HttpServer() as server:
        page = server.serve("/page", body, faults=[(Hold(go), SlowHead(piece=40))])
        children = [Child(page.url, tmp_path / "file", page.digest if digested else "") for _ in range(3)]
        try:
            for child in children:
                child.ready()
            for child in children:
                child.go()
            server.wait_until(lambda: page.hits == 1)
            _wait_for_openers(tmp_path / "file.part", 3)
            go.set()
            results = [child.result() for child in children]
        finally:
            for child in children:
                child.__exit__()
    assert page.hits == 1
    assert page.body_bytes_sent == len(body)
    assert [size for size, _, _ in results] == [len(body)] * 3
    assert sorted(transferred for _, transferred, _ in results) == [0, 0, len(body)]
    assert (tmp_path / "file").read_bytes() == body
    assert os.listdir(tmp_path) == ["file"]


def _wait_for_openers(path, count):
    """Wait until so many processes have the file open (Linux tells); elsewhere a moment has to do."""
    if not os.path.isdir("/proc/self/fd"):
        time.sleep(0.05)
        return
    for _ in range(500):
        if len(_openers(path)) >= count:
            return
        time.sleep(0.01)
    raise AssertionError(f"only {_openers(path)} came")


def _openers(path):
    found = set()
    for process in os.listdir("/proc"):
        if not process.isdigit():
            continue
        try:
            for number in os.listdir(f"/proc/{process}/fd"):
                if os.readlink(f"/proc/{process}/fd/{number}") == str(path):
                    found.add(process)
        except OSError:
            continue
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("digested", [True, False])
async def test_the_holder_is_killed(tmp_path, digested):
    """Its lock goes with it, and the waiter resumes what it left."""
    body = Pattern(6_000_000, seed=7)
    with HttpServer() as server:
        page = server.serve("/page", body, faults=[Stall(4_000_000)])
        results = []
        with Child(page.url, tmp_path / "file", page.digest if digested else "") as child:
            await anyio.to_thread.run_sync(child.ready)
            child.go()
            await anyio.to_thread.run_sync(server.wait_until, lambda: page.body_bytes_sent == 4_000_000)
            await until(lambda: (tmp_path / "file.part").stat().st_size >= 3_000_000)

            async def wait():
                async with client() as one:
                    results.append(
                        await one.fetch(page.url, tmp_path / "file", digest=page.digest if digested else None)
                    )

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await anyio.sleep(0.03)
                assert page.hits == 1
                child.process.kill()
    assert page.hits == 2
    assert results[0].resumed_from >= 3_000_000
    assert results[0].transferred == len(body) - results[0].resumed_from
    assert (tmp_path / "file").read_bytes() == body.read()
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.anyio
async def test_the_holder_stands_still(tmp_path, monkeypatch):
    """It is not waited for longer than our patience; nor may it, when it goes on, put something wrong there."""
    monkeypatch.setattr("asyncfetch._sinks.claim.PATIENCE", 0.05)
    go = threading.Event()
    with HttpServer() as server:
        page = server.serve("/page", LARGE, faults=[Stall(2_000_000, until=go)])
        with Child(page.url, tmp_path / "file") as child:
            await anyio.to_thread.run_sync(child.ready)
            child.go()
            await until(
                lambda: (tmp_path / "file.part").exists() and (tmp_path / "file.part").stat().st_size >= 1_000_000
            )
            child.process.send_signal(signal.SIGSTOP)
            async with client() as one:
                result = await one.fetch(page.url, tmp_path / "file")
            assert page.hits == 2
            assert result.resumed_from == 0, "what another one is writing is not ours to go on with"
            assert (tmp_path / "file").read_bytes() == LARGE
            assert (tmp_path / "file.part").exists(), "it is the holder's"
            child.process.send_signal(signal.SIGCONT)
            go.set()
            assert await anyio.to_thread.run_sync(child.result) == (len(LARGE), len(LARGE), 0)
    assert (tmp_path / "file").read_bytes() == LARGE
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.anyio
async def test_a_holder_that_gets_on_is_waited_for(tmp_path, monkeypatch):
    """However slow it is: progress resets our patience, of which each step here takes four fifths."""
    clock, looks = [1000.0], [0]

    def monotonic():
        looks[0] += 1
        return clock[0]

    monkeypatch.setattr("asyncfetch._sinks.claim.time", SimpleNamespace(monotonic=monotonic))
    monkeypatch.setattr("asyncfetch._sinks.claim._POLL", (0.001, 0.002))
    monkeypatch.setattr("asyncfetch._pulse.PERIOD", 0.001)  # a slow body reaches the disk now and then
    steps = [threading.Event() for _ in range(6)]
    far = far_end()
    page = far.publish("/page", LARGE, faults=[[Stall(500_000 * (n + 1), until=step) for n, step in enumerate(steps)]])
    results = []

    async def fetch(name):
        async with client(far) as one:
            results.append((name, await one.fetch(page.url, tmp_path / "file")))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch, "holder")
        await until(lambda: page.body_bytes_sent == 500_000)
        tasks.start_soon(fetch, "waiter")
        for number, step in enumerate(steps):
            await until(lambda: (tmp_path / "file.part").stat().st_size >= 500_000 * number)  # noqa: B023 - awaited here
            before = looks[0]
            await until(lambda: looks[0] >= before + 3)  # noqa: B023 - awaited here
            clock[0] += 4.0
            step.set()
    assert page.hits == 1
    assert [result.transferred for _, result in results] == [len(LARGE), 0]


@pytest.mark.anyio
async def test_what_arrived_for_another_wish_is_not_taken_for_ours(tmp_path):
    """Two clients, two sources, no digest: the one that waits fetches what it was told to."""
    go = threading.Event()
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Hold(go)])
    other = far.publish("/other", MIDDLE)

    async def fetch(resource):
        async with client(far) as one:
            await one.fetch(resource.url, tmp_path / "file")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch, page)
        await until(lambda: page.hits == 1)
        tasks.start_soon(fetch, other)
        await anyio.sleep(0.02)
        assert other.hits == 0
        go.set()
    assert other.hits == 1
    assert (tmp_path / "file").read_bytes() == MIDDLE
    assert whole_or_nothing(tmp_path, MIDDLE) == 0


@pytest.mark.anyio
async def test_what_arrived_from_another_source_is_ours_if_it_has_the_digest(tmp_path):
    go = threading.Event()
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Hold(go)])
    other = far.publish("/other", LARGE)
    from .scene import digest_of

    results = []

    async def fetch(resource, digest):
        async with client(far) as one:
            results.append(await one.fetch(resource.url, tmp_path / "file", digest=digest))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch, page, None)
        await until(lambda: page.hits == 1)
        tasks.start_soon(fetch, other, digest_of(LARGE))
        await anyio.sleep(0.02)
        go.set()
    assert (page.hits, other.hits) == (1, 0)
    assert results[1].transferred == 0
    assert results[1].digest == digest_of(LARGE)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.anyio
@pytest.mark.descriptors
async def test_a_waiter_that_is_cancelled_leaves_the_holder_alone(tmp_path):
    go = threading.Event()
    far = far_end()
    page = far.publish("/page", LARGE, faults=[Hold(go)])

    async def fetch():
        async with client(far) as one:
            await one.fetch(page.url, tmp_path / "file")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(fetch)
        await until(lambda: page.hits == 1)
        with anyio.move_on_after(0.03) as scope:
            await fetch()
        assert scope.cancelled_caught
        assert (tmp_path / "file.part").exists()
        go.set()
    assert (tmp_path / "file").read_bytes() == LARGE
    assert page.hits == 1
