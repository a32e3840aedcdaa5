"""Telling an observer how one subdir gets on, with the events of a fetch; its URL is that of the folder."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .._model.events import Advanced, Failed, Finished, Started
from .._model.fetch import Fetch, Result

if TYPE_CHECKING:
    from .._model.errors import FetchError
    from .._model.ports import Observer
    from .._model.url import Url

_PAUSE = 0.1  # seconds between two Advanced


class Telling:
    """What an observer, if there is one, hears of one subdir."""

    def __init__(self, observer: Observer | None, folder: Url, path: str) -> None:
        self._observer = observer
        self._fetch = Fetch(folder, path)
        self._done = 0
        self._size: int | None = None
        self._due = 0.0

    def started(self, source: Url, size: int | None) -> None:
        """A body of ``size`` bytes begins to arrive."""
        self._done, self._size = 0, size
        if self._observer is not None:
            self._observer(Started(self._fetch, source, size, 0))

    def advanced(self, count: int) -> None:
        """So many more bytes are here."""
        self._done += count
        if self._observer is not None and (now := time.monotonic()) >= self._due:
            self._due = now + _PAUSE
            self._observer(Advanced(self._fetch, self._done, self._size))

    def finished(self, transferred: int, *, unchanged: bool) -> None:
        """The cached file is current."""
        if self._observer is not None:
            fetch = self._fetch
            result = Result(fetch, fetch.to, fetch.url, self._done, unchanged=unchanged, transferred=transferred)
            self._observer(Finished(fetch, result))

    def failed(self, error: FetchError) -> None:
        """It is given up."""
        if self._observer is not None:
            self._observer(Failed(self._fetch, error))
