"""What every contender does alike: read the job, warm up, start the clock, tell what it took.

The clock runs from before the client is made until it is closed, so connecting and TLS count. Before that one small
file is fetched with a client of its own: it loads what a library imports late, for all alike.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 1024 * 1024  # bytes a read, for peers that let us choose


@dataclass(frozen=True)
class Item:
    """One file to fetch; ``digest`` is None where none is to be verified."""

    url: str
    path: str
    digest: str | None
    size: int


@dataclass(frozen=True)
class Job:
    """What to do: the files, how many at a time, and what the far ends need."""

    items: list[Item]
    warm: list[Item]
    width: int
    loop: str = "asyncio"
    ca: str | None = None
    count: int = 0  # of wishes, for the queue
    endpoint: str | None = None  # of S3; the keys are in the environment, where every client looks

    @classmethod
    def read(cls, path: str) -> Job:
        """Read what `measure` wrote."""
        fields = json.loads(Path(path).read_text("utf-8"))
        return cls(**{**fields, **{name: [Item(*one) for one in fields[name]] for name in ("items", "warm")}})


def measured(
    fetch: Callable[[Job, list[Item]], None], version: str, *, verifies: bool = False, started: bool = False
) -> None:
    """Run the job of the command line through ``fetch`` and print one line of JSON about it.

    ``started``: the client is a program that ``fetch`` starts, so its memory is that of a child.
    """
    job = Job.read(sys.argv[1])
    if job.warm:
        fetch(job, job.warm)
    stop = start_clock()
    fetch(job, job.items)
    wall, cpu, grown = stop()
    told: dict[str, Any] = {
        "wall": wall,
        "cpu": cpu,
        "memory": _children() if started else grown,
        "version": version,
        "verifies": verifies,
    }
    print(json.dumps(told))


def start_clock() -> Callable[[], tuple[float, float, int]]:
    """Start the clock; what is given stops it, and says seconds, CPU seconds and bytes of memory at the peak."""
    _forget_peak()
    before = _memory("VmRSS")
    cpu, began = _cpu(), time.perf_counter()

    def stop() -> tuple[float, float, int]:
        wall = time.perf_counter() - began
        return wall, _cpu() - cpu, _memory("VmHWM") - before

    return stop


def run_loop(main: Callable[[], Any], loop: str) -> None:
    """Run a coroutine function on the event loop asked for."""
    if loop == "uvloop":
        import uvloop

        uvloop.run(main())
    else:
        import asyncio

        asyncio.run(main())


async def by_workers(items: list[Item], width: int, one: Callable[[Item], Any]) -> None:
    """Fetch with as many tasks as may be under way, each taking the next item."""
    import asyncio

    left = iter(items)

    async def work() -> None:
        for item in left:
            await one(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(width, len(items))):
            group.create_task(work())


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _children() -> int:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    except OSError:
        return  # the peak is then that of the whole process, which is not less


def _memory(name: str) -> int:
    """Give a line of /proc/self/status in bytes; where there is none, the peak of the process."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(name):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
