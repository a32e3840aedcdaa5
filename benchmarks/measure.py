"""Runs contenders in turns, each run in a process of its own, and keeps what every run told."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .peers import HOME, environment as programs, python_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .far_ends import FarEnds
    from .peers import Contender
    from .work import File

PATIENCE = 900  # seconds for one run
_LOOKED_AT = 20  # files whose digest is looked at after a run, whoever fetched them


@dataclass(frozen=True)
class Sample:
    """One run: seconds, CPU seconds of the client, bytes by which its memory grew at most, load of the machine."""

    wall: float
    cpu: float
    memory: int
    load: float


@dataclass
class Series:
    """All runs of one contender. ``absent`` says why there are none, ``failed`` what went wrong."""

    name: str
    version: str = ""
    verifies: bool | None = None  # digests; None where there is nothing to verify
    samples: list[Sample] = field(default_factory=list)
    absent: str | None = None
    failed: str | None = None

    def median(self, what: str) -> float:
        """The median of a column."""
        return statistics.median(getattr(sample, what) for sample in self.samples)

    def spread(self, what: str) -> tuple[float, float]:
        """The least and the most."""
        values = [getattr(sample, what) for sample in self.samples]
        return min(values), max(values)


@dataclass(frozen=True)
class Errand:
    """What all contenders of a row do: these files, from this scheme, so many at a time."""

    scheme: str
    files: Sequence[File]
    width: int = 1
    verified: bool = False
    count: int = 0  # of wishes, for the queue; such an errand leaves no file


class Bench:
    """A place to fetch into, and the far ends to fetch from."""

    def __init__(self, folder: Path, ends: FarEnds, warm: File, environment: dict[str, str]) -> None:
        self._ends = ends
        self._warm = warm
        self._folder = folder
        self._environment = {**programs(), **environment}
        self._look = random.Random(1)  # which files are looked at

    def alternate(self, contenders: Sequence[Contender], errand: Errand, rounds: int) -> dict[str, Series]:
        """Run each contender once a round, in turns, beginning with another one each time."""
        absent = self._ends.absent.get(errand.scheme)
        pythons = {one.name: None if absent else python_for(one) for one in contenders}
        series = {one.name: Series(one.name) for one in contenders}
        present = []
        for one in contenders:
            if pythons[one.name] is None:
                series[one.name].absent = absent or f"{one.command or one.module or one.loop} is not installed"
            else:
                present.append(one)
        for number in range(rounds):
            turn = number % max(1, len(present))
            for one in present[turn:] + present[:turn]:
                if series[one.name].failed is None:
                    self._run(one, str(pythons[one.name]), errand, series[one.name])
        return series

    def _run(self, contender: Contender, python: str, errand: Errand, series: Series) -> None:
        out = self._folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        (out / "warm").mkdir(parents=True)
        told = self._job(contender, errand, out)
        load = os.getloadavg()[0]
        command = [python, "-m", f"benchmarks.programs.{contender.program}", str(told)]
        try:
            ended = subprocess.run(
                command, cwd=HOME, env=self._environment, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            if ended.returncode:
                series.failed = f"status {ended.returncode}: {_last_line(ended.stderr)}"
                return
            fields = json.loads(ended.stdout.splitlines()[-1])
            if contender.program not in _LEAVE_NOTHING:
                self._verify(errand.files, out)
        except (OSError, ValueError, IndexError, AssertionError, subprocess.TimeoutExpired) as error:
            series.failed = f"{type(error).__name__}: {error}"
            return
        series.version, series.verifies = fields["version"], fields["verifies"]
        series.samples.append(Sample(fields["wall"], fields["cpu"], fields["memory"], load))

    def _job(self, contender: Contender, errand: Errand, out: Path) -> Path:
        base = self._ends.bases[errand.scheme]

        def item(file: File, path: Path) -> tuple[str, str, str | None, int]:
            return base + file.name, str(path), file.digest if errand.verified else None, file.size

        job = {
            "items": [item(file, out / file.name.replace("/", "-")) for file in errand.files],
            "warm": [item(self._warm, out / "warm" / "warm")],
            "width": errand.width,
            "loop": contender.loop,
            "count": errand.count,
            "ca": self._ends.ca if errand.scheme == "https" else None,
            "endpoint": self._ends.endpoint,
        }
        if errand.count:
            job["warm"] = []
        told = self._folder / "job.json"
        told.write_text(json.dumps(job), "utf-8")
        return told

    def _verify(self, files: Sequence[File], out: Path) -> None:
        """See that every file is there with its size, and some with their digest."""
        looked_at = set(self._look.sample(range(len(files)), min(_LOOKED_AT, len(files))))
        for number, file in enumerate(files):
            path = out / file.name.replace("/", "-")
            if not path.exists():  # a client that lets nobody choose the names
                path = out / file.name.rpartition("/")[2]
            assert path.stat().st_size == file.size, f"{path.name} has {path.stat().st_size} bytes, not {file.size}"
            if number in looked_at:
                with path.open("rb") as opened:
                    found = hashlib.file_digest(opened, "sha256").hexdigest()
                assert file.digest == f"sha256:{found}", f"{path.name} is not what was asked for"


_LEAVE_NOTHING = {"hash_alone", "link_alone", "ours_queue"}


def processes(commands: dict[str, list[str]], rounds: int, before: Callable[[], None]) -> dict[str, Series]:
    """Time whole processes from start to end, in turns; ``before`` each one outside the clock.

    What a process prints is what it timed itself: seconds, or seconds, CPU seconds and bytes.
    """
    series = {name: Series(name) for name in commands}
    for number in range(rounds):
        names = list(commands)
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            before()
            load, began = os.getloadavg()[0], time.perf_counter()
            ended = subprocess.run(commands[name], cwd=HOME, capture_output=True, text=True, check=False)
            wall = time.perf_counter() - began
            if ended.returncode:
                series[name].failed = _last_line(ended.stderr)
            else:
                told, cpu, memory, *_ = [*map(float, ended.stdout.split() or [wall]), 0.0, 0.0]
                series[name].samples.append(Sample(told, cpu, int(memory), load))
    return series


def _last_line(text: str) -> str:
    """Give what a traceback ends in: the lines before tell of places on this machine."""
    return text.strip().rpartition("\n")[2][-300:]
