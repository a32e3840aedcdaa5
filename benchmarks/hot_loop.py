"""Where the CPU time of a row goes: ``python -m benchmarks profile small``.

A sampler, not a tracer, so that cheap functions called often are not made to look dear: the stack is looked at as often
as the kernel's timer of CPU time allows (SIGPROF; 250 times a second on many). A call of C counts for the function that
made it. ``--stacks FILE`` writes folded stacks, which speedscope and flamegraph.pl draw.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from .far_ends import KEYS, far_ends
from .programs import ours
from .programs.clock import Item, Job
from .rows import ROWS
from .work import SCALES, Work, place

if TYPE_CHECKING:
    from types import FrameType

_PERIOD = 0.001  # CPU seconds between two looks, if the kernel's clock ticks so fast
_SHOWN = 45


class Sampler:
    """Counts stacks while it is entered; in the main thread only."""

    def __init__(self) -> None:
        self.stacks: Counter[tuple[str, ...]] = Counter()

    def __enter__(self) -> Sampler:
        self._before = signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _PERIOD, _PERIOD)
        return self

    def __exit__(self, *exc_info: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, self._before)

    def _look(self, _: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            stack.append(_name(frame))
            frame = frame.f_back
        self.stacks[tuple(reversed(stack))] += 1

    def table(self) -> str:
        """Share of the samples in each function itself, and below it."""
        alone, below = Counter[str](), Counter[str]()
        for stack, count in self.stacks.items():
            alone[stack[-1]] += count
            below.update(dict.fromkeys(stack, count))
        everything = max(1, self.stacks.total())
        lines = [f"{everything} samples", " itself   below  function"]
        lines += [
            f"{100 * count / everything:6.1f} % {100 * below[name] / everything:5.1f} %  {name}"
            for name, count in alone.most_common(_SHOWN)
        ]
        return "\n".join(lines)

    def folded(self) -> str:
        """The stacks, a line each, as flamegraph.pl reads them."""
        return "".join(f"{';'.join(stack)} {count}\n" for stack, count in self.stacks.items())


def profile(name: str, scale_name: str, loop: str, stacks: str | None) -> int:
    """Run our side of a row in this process under the sampler and print where the time went."""
    row = next((row for row in ROWS if row.name == name), None)
    if row is None:
        print(f"no row is called {name}; there are {', '.join(row.name for row in ROWS)}", file=sys.stderr)
        return 2
    scale = SCALES[scale_name]
    with place(scale) as folder:
        work = Work(folder / "served", scale, {row.files})
        (folder / "far_ends").mkdir()
        schemes = {"http", row.scheme} if row.scheme == "https" else {row.scheme}
        with far_ends(folder / "far_ends", work, schemes) as ends, tempfile.TemporaryDirectory(dir=folder) as out:
            if row.scheme in ends.absent:
                print(f"cannot be profiled here: {ends.absent[row.scheme]}", file=sys.stderr)
                return 1
            base = ends.bases[row.scheme]
            items = [
                Item(base + one.name, f"{out}/{number}", one.digest if row.verified else None, one.size)
                for number, one in enumerate(work.files[row.files])
            ]
            ca = ends.ca if row.scheme == "https" else None
            warm = [Item(base + work.files["warm"][0].name, f"{out}/warm", None, 0)]
            job = Job(items, warm, row.width, loop, ca, endpoint=ends.endpoint)
            with patch.dict(os.environ, KEYS):
                ours.fetch(job, warm)
                with Sampler() as sampler:
                    ours.fetch(job, items)
    print(sampler.table())
    if stacks is not None:
        Path(stacks).write_text(sampler.folded(), "utf-8")
    return 0


def _name(frame: FrameType) -> str:
    code = frame.f_code
    where = code.co_filename.rpartition("/asyncfetch/")[2].rpartition("/python3")[2].rpartition("/lib/")[2]
    return f"{where}:{code.co_qualname}"
