"""One cached file of conda's cache folder and its state: read, replaced, marked as checked. Everything here blocks.

Rules: the json is either the old one or the new one, whole, and so is the state. A new json comes first, then its
state: between the two, and after a crash there, size and time in the state are not those of the file, so that nobody
takes the old validators for those of the new file. The state's lock is held while both are put in place, never longer.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .._disk.lasting import sync_directory
from ._lock import StateLock
from ._state import Facts, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MOST = 4 * 1024 * 1024  # bytes of a state; conda's own have a few hundred
_PATIENCE = 5.0  # seconds for whoever has the lock
_POLL = 0.005
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Cached:
    """``<key>.json`` and ``<key>.info.json`` in a folder."""

    __slots__ = ("path", "state_path")

    def __init__(self, folder: str, key: str, ending: str = ".json") -> None:
        self.path = os.path.join(folder, f"{key}{ending}")
        self.state_path = os.path.join(folder, f"{key}.info.json")

    def look(self) -> tuple[State, Facts | None]:
        """Read the state, and what stat says of the file (None: there is none)."""
        state = self._read()
        if state is None:  # broken, or conda is writing it just now, which it does in place
            with self._locked():
                state = self._read() or State()
        return state, self.facts()

    def facts(self) -> Facts | None:
        """Say what stat says of the file."""
        try:
            about = os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Facts(about.st_size, about.st_mtime_ns)

    def replace(
        self, part: str, facts: Facts, change: Callable[[State], None], *, only_over: str | None = None, durable: bool
    ) -> bool:
        """Put a new file in place, and the state that ``change`` makes of the one that is there. Raises OSError.

        ``only_over`` is the hash of the file that it may replace; False when it is another one. ``durable``: what is
        put in place is on the disk when this returns, if the new file's bytes were before.
        """
        with self._locked() as lock:
            state = self._read() or State()
            if only_over is not None and not (state.describes(self.facts()) and state.text("blake2_256") == only_over):
                return False
            os.replace(part, self.path)
            if sys.platform == "win32":  # its time moves when the file is closed
                facts = self.facts() or facts
            change(state)
            state.data.update(size=facts.size, mtime_ns=facts.mtime_ns)
            self._write(state, lock, durable=durable)
        if durable:
            sync_directory(os.path.dirname(self.path))
        return True

    def note(self, change: Callable[[State], None]) -> None:
        """Change what the state says of the source, whatever file there is, if any. Raises OSError."""
        with self._locked() as lock:
            state = self._read() or State()
            change(state)
            self._write(state, lock, durable=False)

    def mark(self, change: Callable[[State], None]) -> bool:
        """Change the state of the file that is there; False when it is not the one that the state is about."""
        with self._locked() as lock:
            state = self._read() or State()
            if not state.describes(self.facts()):
                return False
            change(state)
            self._write(state, lock, durable=False)
            return True

    def _read(self) -> State | None:
        """Read the state: empty where there is none, None for one that is broken."""
        try:
            with open(self.state_path, "rb") as file:
                text = file.read(_MOST)
        except FileNotFoundError:
            return State()
        return State.parse(text)

    def _write(self, state: State, lock: StateLock, *, durable: bool) -> None:
        temporary = f"{self.state_path}.{os.urandom(4).hex()}.tmp"
        try:
            descriptor = os.open(temporary, _CREATE, 0o666)
            try:
                _write_all(descriptor, state.render())
                if durable:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if sys.platform == "win32":  # an open file is not replaced there
                lock.release()
            os.replace(temporary, self.state_path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    @contextmanager
    def _locked(self) -> Iterator[StateLock]:
        """Hold conda's lock on the state; without it when its holder does not let go."""
        lock = StateLock(self.state_path)
        until = time.monotonic() + _PATIENCE
        try:
            while not self._took(lock) and time.monotonic() < until:
                time.sleep(_POLL)
            yield lock
        finally:
            lock.release()

    def _took(self, lock: StateLock) -> bool:
        try:
            return lock.take()
        except OSError:  # a folder that we may only read; who writes hears of it then
            return True


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
