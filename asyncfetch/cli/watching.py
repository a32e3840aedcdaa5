"""Who watches a command: the tally always, bars where a person looks on."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from asyncfetch._model.events import Event

    from .._progress.tally import Tally
    from .output import Report


def watched(report: Report, leave: ExitStack, tally: Tally, total: int | None) -> Callable[[Event], None]:
    """Give the observer for a client, and show bars until ``leave`` is left: on a terminal, with rich, outside CI."""
    if report.quiet or not sys.stderr.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        return tally
    try:
        from .progress import Bars

        bars = leave.enter_context(Bars(total=total, tally=tally))
    except ImportError:
        return tally
    report.bars = bars
    leave.callback(setattr, report, "bars", None)
    return bars
