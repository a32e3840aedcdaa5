"""The picture: a line for each transfer under way, as many as fit, and a line for all. Needs rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .text import shown, size_text, time_left

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .tally import Line, Tally

MOST = 10  # files shown at a time
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "left", "right", "right", "right")


def draw(tally: Tally, total: int | None, width: int, height: int) -> Table:
    """Draw what is under way into so many columns and rows; ``total`` is the number of files to come, if known."""
    lines = list(tally.active.values())
    table = Table.grid(padding=(0, 1), expand=False)
    for side in _SIDES:
        table.add_column(justify=side, no_wrap=True)
    room = max(min(MOST, height - 3), 1)
    for line in lines[:room]:
        table.add_row(*_cells(line, width))
    table.add_row(*_total_cells(tally, total, lines, room))
    return table


def _cells(line: Line, width: int) -> list[RenderableType]:
    longest = max(width // 3, 8)
    name = shown(line.name)
    if len(name) > longest:
        name = f"{name[: longest // 2]}…{name[-(longest - longest // 2 - 1) :]}"
    bar = ProgressBar(total=line.size or None, completed=line.done, width=max(min(width // 4, 40), 6))
    amount = size_text(line.done) if line.size is None else f"{size_text(line.done)} of {size_text(line.size)}"
    left = time_left(line.size - line.done, line.rate) if line.size is not None and line.rate else ""
    return [Text(name), bar, amount, f"{size_text(line.rate)}/s", left]


def _total_cells(tally: Tally, total: int | None, lines: list[Line], room: int) -> list[RenderableType]:
    done = tally.transferred + sum(line.arrived for line in lines)
    rate = sum(line.rate for line in lines)
    known = [line for line in lines if line.size is not None]
    files = f"{tally.files}" + (f" of {total}" if total else "")
    failed = f", {tally.failed} failed" if tally.failed else ""
    more = f", {len(lines) - room} more under way" if len(lines) > room else ""
    left = ""
    finished = tally.files + tally.failed
    if total is not None and len(known) == len(lines) and finished + len(lines) == total and rate:
        left = time_left(sum((line.size or 0) - line.done for line in lines), rate)
    return ["total", f"{files} done{failed}{more}", size_text(done), f"{size_text(rate)}/s", left]
