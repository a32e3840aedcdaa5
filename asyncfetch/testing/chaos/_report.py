"""What came of a run: faults met, outcomes, and everything that should not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._plan import Plan

SHOULD_NOT_BE = ("wrong bytes", "hang", "foreign exception", "misnamed", "left behind")


@dataclass(slots=True)
class Report:
    """The report of a run; a text when it is printed.

    ``met`` counts faults that came about, by scheme and name, ``recovered`` those of fetches that succeeded all the
    same; ``failures`` counts errors by name. ``wrongs`` tells what should not be: kind, the plan, and what was seen.
    """

    seed: int
    succeeded: int = 0
    again: int = 0  # failures that succeeded when they were tried once more with all well
    resumed: int = 0  # of these, by going on with what was there
    failures: Counter[str] = field(default_factory=Counter)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    recovered: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrongs: list[tuple[str, int, str]] = field(default_factory=list)

    @property
    def fetches(self) -> int:
        """Fetches that came to an end."""
        return self.succeeded + self.failures.total()

    def meet(self, scheme: str, name: str, *, recovered: bool) -> None:
        """Count a fault that came about."""
        self.met[scheme, name] += 1
        self.recovered[scheme, name] += recovered

    def succeed(self) -> None:
        """Count a success."""
        self.succeeded += 1

    def succeed_later(self, *, resumed: bool) -> None:
        """Count a failure that was fetched once more."""
        self.again += 1
        self.resumed += resumed

    def fail(self, name: str) -> None:
        """Count a failure."""
        self.failures[name] += 1

    def wrong(self, kind: str, plan: Plan, what: str) -> None:
        """Note what should not be."""
        self.wrongs.append((kind, plan.number, f"{plan}: {what}"))

    def __str__(self) -> str:
        schemes = sorted({scheme for scheme, _ in self.met})
        lines = [f"{'faults met (and made up for)':32}" + "".join(f"{scheme:>16}" for scheme in schemes)]
        for name in sorted({name for _, name in self.met}):
            cells = [
                f"{self.met[scheme, name]} ({self.recovered[scheme, name]})" if self.met[scheme, name] else "-"
                for scheme in schemes
            ]
            lines.append(f"{name:32}" + "".join(f"{cell:>16}" for cell in cells))
        failed = ", ".join(f"{count} {name}" for name, count in self.failures.most_common())
        lines += [
            f"seed {self.seed}: {self.fetches} fetches met {self.met.total()} faults",
            f"{self.succeeded} succeeded",
            f"{self.failures.total()} failed as they should ({failed or 'none'})",
            f"{self.again} of these succeeded when all was well again, {self.resumed} by going on",
            *[f"{sum(kind == one for one, _, _ in self.wrongs)} {kind}" for kind in SHOULD_NOT_BE],
            *[f"{kind.upper()} {what}" for kind, _, what in self.wrongs],
        ]
        return "\n".join(lines)
