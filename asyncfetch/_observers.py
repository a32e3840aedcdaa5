"""Who is told of events: an observer of the caller's, bars, or both; one that fails ends no fetch."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from ._model.errors import MistakeError

if TYPE_CHECKING:
    from ._model.events import Event
    from ._model.ports import Observer
    from ._progress.bars import Bars

log = logging.getLogger("asyncfetch")


def make_bars() -> Bars:
    """Make bars; loads rich. Raises MistakeError where there is none."""
    from ._progress.bars import Bars

    try:
        return Bars()
    except ImportError as error:
        raise MistakeError("progress is drawn by rich", hint="pip install 'asyncfetch[cli]'") from error


def all_of(*observers: Observer | None) -> Observer | None:
    """Give one observer that stands for those there are, each on its own."""
    told = [partial(_observe, observer) for observer in observers if observer is not None]
    if len(told) < 2:
        return told[0] if told else None

    def tell(event: Event) -> None:
        for observer in told:
            observer(event)

    return tell


def _observe(observer: Observer, event: Event) -> None:
    try:
        observer(event)
    except Exception:
        log.exception("an observer failed on %s; the fetch goes on", type(event).__name__)
