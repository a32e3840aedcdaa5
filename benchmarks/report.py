"""What the runs came to: findings with a verdict each, as JSON, as a Markdown table and as a plot.

A ratio is taken pair by pair, between runs of the same round; the figure is the median of the pairs, with the least and
the most beside it. The verdict goes by the median.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .work import MIB

if TYPE_CHECKING:
    from .measure import Series
    from .rows import Claim

LEFT_OUT = (
    "One machine, loopback: no latency, no loss, and the far end takes CPU time from the client.",
    "Files go to a RAM disk where there is room, so disks are left out.",
    "Programs (curl, aria2c, wget2, cp) are timed with their start, 5 to 20 ms; libraries are imported and warm.",
    "A peer marked * checks no digest; most write to the final name at once, we to a part that is renamed.",
    "Memory is the growth of the peak over what was there when the clock started; for programs, all they take.",
    "The client is made and closed inside the clock, which for S3 takes any client of botocore 0.1 to 0.2 s.",
    "CPU is that of the client, the kernel's work for it included; not the far end's.",
)


@dataclass
class Finding:
    """One claim and what was measured: ``values`` a round each, ``kind`` says how they were taken."""

    row: str
    title: str
    kind: str
    must: float | None
    stretch: float | None
    values: list[float] = field(default_factory=list)
    series: dict[str, Series] = field(default_factory=dict)
    unit: str = "x"
    against: str = ""
    note: str = ""
    absent: str | None = None
    rises: bool = False
    cpu: float | None = None  # ours over theirs, median of the pairs: what a busy machine disturbs least

    @classmethod
    def missing(cls, row: str, title: str, reason: str, series: dict[str, Series] | None = None) -> Finding:
        """A row without figures, and why."""
        return cls(row, title, "none", None, None, series=series or {}, absent=_brief(reason))

    @property
    def median(self) -> float | None:
        """The figure."""
        return statistics.median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        """How it stands: "stretch", "must", "missed", or why nothing can be said."""
        value = self.median
        if value is None:
            return f"not measured: {self.absent}" if self.absent else "for the picture"
        if self.must is self.stretch is None:
            return "for the picture"

        def holds(bound: float | None) -> bool:
            return bound is not None and (value >= bound if self.rises else value <= bound)

        if holds(self.stretch):
            return "**stretch**"
        if holds(self.must):
            return "must"
        return "**missed**" if self.must is not None else "short of stretch"


def compare(row: str, title: str, claim: Claim, series: dict[str, Series], ours: str, *, note: str = "") -> Finding:
    """Hold one claim against the runs of a row."""
    finding = Finding(
        row, title, claim.kind, claim.must, claim.stretch, series=series, note=note,
        against=" and ".join(claim.against), rises=claim.rises,
    )  # fmt: skip
    for name in (ours, *claim.against):
        reason = series[name].absent or series[name].failed if name in series else "not in a quick run"
        if reason is not None:
            finding.absent = f"{name}: {_brief(reason)}"
            return finding
    if claim.kind == "memory":
        finding.values, finding.unit = [sample.memory / MIB for sample in series[ours].samples], "MiB"
        finding.must, finding.stretch = (bound and bound / MIB for bound in (claim.must, claim.stretch))
        return finding
    column = "cpu" if claim.kind == "cpu" else "wall"
    for number, mine in enumerate(series[ours].samples):
        theirs = max(getattr(series[name].samples[number], column) for name in claim.against)
        value = getattr(mine, column)
        finding.values.append(theirs / value if claim.rises else value / theirs)
    if column == "wall" and all(sample.cpu for name in (ours, *claim.against) for sample in series[name].samples):
        spent = [
            (one.cpu, max(series[name].samples[number].cpu for name in claim.against))
            for number, one in enumerate(series[ours].samples)
        ]
        finding.cpu = statistics.median(mine / theirs for mine, theirs in spent)
    return finding


def as_json(findings: list[Finding], pictures: dict[str, dict[str, Series]], about: dict[str, Any]) -> dict[str, Any]:
    """Everything, for programs."""
    told = []
    for finding in findings:
        fields = {name: value for name, value in vars(finding).items() if name != "series"}
        told.append({**fields, "median": finding.median, "verdict": finding.verdict.strip("*")})
    runs = {row: {name: asdict(one) for name, one in series.items()} for row, series in pictures.items()}
    return {"about": about, "findings": told, "runs": runs, "left_out": LEFT_OUT}


def as_markdown(
    findings: list[Finding],
    pictures: dict[str, tuple[str, dict[str, Series]]],
    about: dict[str, Any],
    unmeasured: dict[str, str],
) -> str:
    """Everything, for people."""
    lines = ["# Benchmarks", ""]
    lines += [f"* {name}: {value}" for name, value in about.items()]
    lines += ["", "## What was promised", "", "| work | compared | must | stretch | measured | verdict |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    lines += [_promise(finding) for finding in findings]
    lines += [f"| {what} | | | | | not measured: {why} |" for what, why in unmeasured.items()]
    lines += ["", "## Every run", ""]
    for title, series in pictures.values():
        lines += [f"### {title}", "", "| who | seconds (least - most) | CPU s | memory MiB | version | load |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        lines += [_runs(one) for one in series.values()]
        lines.append("")
    lines += ["## What the figures leave out", "", *[f"* {line}" for line in LEFT_OUT], ""]
    return "\n".join(lines)


def _promise(finding: Finding) -> str:
    sign = ">=" if finding.rises else "<="
    bounds = ["" if bound is None else f"{sign} {bound:g} {finding.unit}" for bound in (finding.must, finding.stretch)]
    words = {"speed": "speed over", "time": "time over", "cpu": "CPU over"}
    compared = f"{words[finding.kind]} {finding.against}" if finding.kind in words else finding.kind
    measured = ""
    if finding.median is not None:
        least, most = min(finding.values), max(finding.values)
        measured = f"{finding.median:.2f} {finding.unit} ({least:.2f} - {most:.2f})"
    if finding.cpu is not None:
        measured += f"; CPU {finding.cpu:.2f} x"
    note = f" ({finding.note})" if finding.note else ""
    return f"| {finding.title}{note} | {compared} | {bounds[0]} | {bounds[1]} | {measured} | {finding.verdict} |"


def _runs(one: Series) -> str:
    if not one.samples:
        return f"| {one.name} | {_brief(one.absent or one.failed or 'no run')} | | | | |"
    least, most = one.spread("wall")
    mark = " *" if one.verifies is False else ""
    loads = "-".join(f"{bound:.1f}" for bound in one.spread("load"))
    return (
        f"| {one.name}{mark} | {one.median('wall'):.3f} ({least:.3f} - {most:.3f}) | {one.median('cpu'):.2f} "
        f"| {one.median('memory') / MIB:.1f} | {one.version} | {loads} |"
    )


def _brief(reason: str) -> str:
    """Give the last line of what went wrong, which is where Python says it, fit for a table."""
    lines = reason.strip().splitlines() or [""]
    return lines[-1].replace("|", "/")
