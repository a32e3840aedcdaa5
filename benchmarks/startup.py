"""The rows whose clock is another: imports, a whole process for one file, the sync facade, a long queue."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

from .measure import Errand, processes
from .peers import CONTENDERS
from .report import Finding, compare
from .rows import Claim
from .work import MIB

if TYPE_CHECKING:
    from pathlib import Path

    from .far_ends import FarEnds
    from .measure import Bench
    from .work import Scale, Work

_QUEUE_SLACK = 4 * MIB  # by which memory may differ between a short queue and a long one

_IMPORT = "import time; before = time.perf_counter(); {what}; print(time.perf_counter() - before)"
_OURS = "from asyncfetch import sync; sync.fetch({url!r}, {path!r})"
_HTTPX = "import httpx, pathlib; pathlib.Path({path!r}).write_bytes(httpx.get({url!r}).content)"


def imports(rounds: int) -> list[Finding]:
    """`import asyncfetch` against `import anyio`, in fresh interpreters; the import alone is timed."""
    whats = {"asyncfetch": "import asyncfetch", "anyio": "import anyio", "Client": "from asyncfetch import Client"}
    commands = {name: [sys.executable, "-c", _IMPORT.format(what=what)] for name, what in whats.items()}
    series = processes(commands, 3 * rounds, lambda: None)
    client = statistics.median(sample.wall for sample in series["Client"].samples) * 1000
    note = f"`from asyncfetch import Client`, which loads what a fetch needs: {client:.0f} ms"
    claim = Claim("time", 1.6, 0.5, ("anyio",))
    return [compare("import", "`import asyncfetch`", claim, series, "asyncfetch", note=note)]


def one_file(folder: Path, work: Work, ends: FarEnds, rounds: int) -> list[Finding]:
    """A whole process that fetches one small file over http, against the same script with `httpx.get`."""
    if "http" not in ends.bases:
        return [Finding.missing("one-file", "a process for one small file", ends.absent["http"])]
    path = folder / "one"
    url = ends.bases["http"] + work.files["warm"][0].name
    scripts = {"asyncfetch.sync": _OURS, "httpx.get": _HTTPX}
    commands = {
        name: [sys.executable, "-c", script.format(url=url, path=str(path))] for name, script in scripts.items()
    }
    series = processes(commands, 3 * rounds, lambda: path.unlink(missing_ok=True))
    claim = Claim("time", 1.0, 0.6, ("httpx.get",))
    return [compare("one-file", "a whole process for one small file, http, sync", claim, series, "asyncfetch.sync")]


def facade(bench: Bench, work: Work, rounds: int) -> list[Finding]:
    """What `asyncfetch.sync` adds to a fetch: milliseconds over the same fetches awaited."""
    files = work.files["in_turn"]
    names = ("asyncfetch.sync", "asyncfetch, in turn")
    series = bench.alternate([CONTENDERS[name] for name in names], Errand("http", files), rounds)
    title = "sync facade, milliseconds a fetch over async"
    broken = [reason for one in series.values() if (reason := one.absent or one.failed)]
    if broken:
        return [Finding.missing("facade", title, broken[0], series)]
    pairs = zip(*(series[name].samples for name in names), strict=True)
    values = [(ours.wall - awaited.wall) * 1000 / len(files) for ours, awaited in pairs]
    return [Finding("facade", title, "difference", 0.3, None, values, series, "ms")]


def queue(bench: Bench, work: Work, scale: Scale) -> list[Finding]:
    """Memory of a queue of wishes, and of one ten times as long."""
    contender = CONTENDERS["asyncfetch, queue"]
    grown = []
    title = f"memory of {scale.queue} wishes through as_fetched, over that of {scale.queue // 10}"
    for count in (scale.queue // 10, scale.queue):
        errand = Errand("http", work.files["warm"], width=32, count=count)
        series = bench.alternate([contender], errand, 1)
        one = series[contender.name]
        if one.absent or one.failed:
            return [Finding.missing("queue", title, str(one.absent or one.failed), series)]
        grown.append(one.median("memory") / MIB)
    note = f"grew by {grown[0]:.1f} and {grown[1]:.1f} MiB"
    more = [grown[1] - grown[0]]
    return [Finding("queue", title, "difference", _QUEUE_SLACK / MIB, None, more, series, "MiB", note=note)]
