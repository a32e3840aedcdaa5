"""Torture: a fetch is run once for each of its operations, and that one goes wrong.

What counts as an operation: every call of the operating system for the disk, everything asked of a socket, every await
at which Transport, Body and Sink meet, every step of a task. Operation 1 fails, is cancelled or is the moment at which
the process is killed; then a new fetch and operation 2, until a fetch is over before its turn. After each:

* the destination is absent, the old file, or the new one and verified;
* beside it lies nothing but a part and its note, and the note vouches for none but right bytes;
* no thread, task, descriptor or lock is left;
* what is raised is an error of the tree, and names what failed; a single lost connection is made up for;
* the next fetch succeeds, with the right bytes, and leaves nothing but the destination.

For a transport of your own, give its `FarEnd` and a function that makes it (one of a module, if processes are to be
killed too: it is called there). AssertionError says which operation, and what did not hold. A sink is no part of what a
client takes: its rules, those of a cancellation included, are `asyncfetch.testing.check_sink`.

>>> from asyncfetch.testing import MemoryFarEnd, MemoryTransport
>>> from asyncfetch.testing.torture import WISHES, torture
>>> far = MemoryTransport()
>>> report = torture(MemoryFarEnd(far), transports=lambda: {"memory": far}, ways=["port"], wishes=WISHES[:1])
>>> report.rounds > 5
True

``python -m asyncfetch.testing.torture http ftp`` does all of it for these schemes, and prints the report.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ._bench import WISHES, Bench, Wish
from ._killing import CAN_FORK, Killer
from ._points import OURS
from ._signs import Standing
from ._ways import WAYS as _WAYS, Killing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..._model.ports import Transport
    from ..far_ends import FarEnd
    from ._ways import Way

__all__ = ["BACKENDS", "Report", "Row", "WAYS", "WISHES", "Wish", "torture"]  # noqa: RUF022 - capitals first

WAYS = tuple(way.name for way in _WAYS)
BACKENDS = ("asyncio", "trio", "sync")
_MOST = 5_000  # operations of one fetch: a guard against one that never comes to its end


@dataclass(slots=True)
class Row:
    """What came of one way with one wish: rounds run, and how they ended."""

    scheme: str
    backend: str
    wish: str
    way: str
    rounds: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        return f"{self.scheme:7} {self.backend:8} {self.wish:8} {self.way:12} {self.rounds:5}  {ends}"


@dataclass(slots=True)
class Report:
    """What was done; a table when it is printed."""

    rows: list[Row] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """Rounds in all."""
        return sum(row.rounds for row in self.rows)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.rows), f"{self.rounds} rounds"])


def torture(
    far_end: FarEnd,
    *,
    transports: Callable[[], Mapping[str, Transport]] | None = None,
    backend: str = "asyncio",
    ways: Iterable[str] = WAYS,
    wishes: Iterable[Wish] = WISHES,
    stride: int = 1,
    modules: Iterable[str] = (),
) -> Report:
    """Hurt fetches from a far end at every operation, or at every ``stride``-th.

    ``transports`` makes what `Client` takes under this name, where it is no scheme of ours; what it makes is closed.
    ``backend`` is one of BACKENDS; ``ways`` are some of WAYS. ``modules`` are names of modules or packages of yours:
    what they call of `os`, `open` and `fcntl` counts among the operations for the disk, too. Call it from the main
    thread, where no loop runs. Raises AssertionError for what does not hold, ValueError for a way or module that is not
    there.
    """
    report = Report()
    chosen = set(ways)
    unknown = chosen - set(WAYS)
    if unknown:
        raise ValueError(f"there is no way {sorted(unknown)}; there are {WAYS}")
    places = OURS + tuple(map(_place_of, modules))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        suiting = [way for way in _WAYS if way.name in chosen and way.suits(backend)]
        kills = CAN_FORK and any(isinstance(way, Killing) for way in suiting)
        killer = stack.enter_context(Killer()) if kills else None
        for number, wish in enumerate(wishes):
            place = folder / str(number)
            place.mkdir()
            bench = Bench(far_end, wish, backend, transports, place, places=places)
            for way in suiting:
                row = Row(far_end.scheme, backend, wish.name, way.name)
                _run(bench, way, killer, row, stride)
                if row.rounds:
                    report.rows.append(row)
    return report


def _place_of(module: str) -> str:
    """Give what the paths of a module, or of all modules of a package, have in common."""
    found = find_spec(module)
    if found is None or found.origin is None:
        raise ValueError(f"there is no source of a module {module}")
    package = found.submodule_search_locations
    return os.path.join(package[0], "") if package else found.origin


def _run(bench: Bench, way: Way, killer: Killer | None, row: Row, stride: int) -> None:
    """Strike one operation after the other, until a fetch is over before its turn."""
    bench.warm_up()
    standing = Standing()
    for number in range(1, _MOST, stride):
        try:
            told = way.strike(bench, number, killer)
            standing.check()
        except AssertionError as error:
            where = f"{row.scheme} on {row.backend}, wish {row.wish!r}, {row.way}, operation {number}"
            raise AssertionError(f"{where}: {error}") from error
        if told is None:
            return
        row.rounds += 1
        row.outcomes[told[1]] += 1
    raise AssertionError(f"{row.scheme} on {row.backend}, wish {row.wish!r}: it never came to its end")
