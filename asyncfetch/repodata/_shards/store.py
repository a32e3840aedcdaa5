"""The store of shards: a small SQLite database in the cache folder, of any number of processes at a time.

Rules: it is a cache, so it never fails its caller: what cannot be read counts as not there, what cannot be written is
fetched again next time. Bytes are kept as they came, under the sha256 they must have, and are held against it whenever
they are read: not even a damaged page can hand out wrong records.

A database that is damaged is not repaired, nor removed under the feet of the processes that have it open: its successor
has the next number in its name, everybody opens the highest one, and the lower ones are removed by who opens that. All
methods block; they are for one thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

log = logging.getLogger("asyncfetch")

_NAME = re.compile(r"asyncfetch-shards-(\d{1,9})\.db\Z")
_SCHEMA = "CREATE TABLE IF NOT EXISTS shards (key BLOB PRIMARY KEY, body BLOB NOT NULL, used INTEGER NOT NULL)"
_PATIENCE = 2.0  # seconds for another process that writes
_DAY = 86_400  # seconds
_KEPT = 60  # days after which a shard that nobody used goes
_AT_ONCE = 100  # keys a query: what it gives is held in memory
# the disk or another process is in the way, the database itself is sound; all other errors mean it is not
_PASSING = frozenset(
    {
        sqlite3.SQLITE_AUTH, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY,
    }
)  # fmt: skip


class Key(NamedTuple):
    """Where a shard is kept. ``digest`` is the sha256 its bytes must have; None: they are not verified."""

    name: bytes
    digest: bytes | None

    @classmethod
    def verified(cls, digest: bytes) -> Key:
        """Give the key of a shard that is verified: its hash."""
        return cls(digest, digest)

    @classmethod
    def unverified(cls, digest: bytes, url: str) -> Key:
        """Give the key of one that is not: it must never pass for the shard of another channel with this hash."""
        return cls(hashlib.sha256(b"unverified\0" + digest + url.encode()).digest(), None)


class Store:
    """Shards by key. Opened by the first use; ``close`` it in the thread that used it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._database: sqlite3.Connection | None = None
        self._number = 0
        self._given_up = False
        self._aged: list[bytes] = []  # names of shards given today and not on the day noted

    def get(self, keys: Iterable[Key]) -> Iterator[tuple[Key, bytes]]:
        """Give those that are there."""
        wanted = {key.name: key for key in keys}
        listed = list(wanted)
        for at in range(0, len(listed), _AT_ONCE):
            for name, body, used in self._try(partial(_select, names=listed[at : at + _AT_ONCE])) or ():
                key = wanted.get(name)
                if key is None or not isinstance(body, bytes):
                    continue
                if key.digest is None or hashlib.sha256(body).digest() == key.digest:
                    if used != _today():
                        self._aged.append(name)
                    yield key, body

    @property
    def has_aged(self) -> bool:
        """Shards were given that it should note the day for, with the next ``put``."""
        return bool(self._aged)

    def put(self, found: Iterable[tuple[Key, bytes]]) -> None:
        """Keep shards, note that those given were of use today, and let go of those that were not for long."""
        today = _today()
        rows = [(key.name, body, today) for key, body in found]
        touched, self._aged = [(today, name) for name in self._aged], []

        def write(database: sqlite3.Connection) -> None:
            with database:
                database.executemany("INSERT OR REPLACE INTO shards VALUES (?, ?, ?)", rows)
                database.executemany("UPDATE shards SET used = ? WHERE key = ?", touched)
                if rows:
                    database.execute("DELETE FROM shards WHERE used < ?", (today - _KEPT,))

        if rows or touched:
            self._try(write)

    def close(self) -> None:
        """Let go of it."""
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):
                database.close()

    # --- below

    def _try(self, action: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do something with the database; None when it cannot be done. A damaged one is succeeded by another."""
        for _ in range(2):
            try:
                if self._database is None:
                    if self._given_up:
                        return None
                    self._database = self._open()
                return action(self._database)
            except (sqlite3.Error, OSError) as error:
                if not isinstance(error, sqlite3.DatabaseError) or _is_passing(error):
                    self._given_up = self._given_up or self._database is None
                    log.debug("the store of shards is of no use now: %s", error)
                    return None
                log.warning("the store of shards was damaged, another takes its place: %s", error)
                self.close()
                self._number += 1
        self._given_up = True
        return None

    def _open(self) -> sqlite3.Connection:
        os.makedirs(self._folder, exist_ok=True)
        numbers = sorted({int(found[1]) for name in os.listdir(self._folder) if (found := _NAME.match(name))})
        self._number = max([1, self._number, *numbers])
        database = sqlite3.connect(self._path(self._number), timeout=_PATIENCE, isolation_level="IMMEDIATE")
        try:
            # a log of its own lets readers read while one writes; without a flush a commit: a lost one is no loss
            with contextlib.suppress(sqlite3.OperationalError):  # another process is just about to do the same
                database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            with database:
                database.execute(_SCHEMA)
        except BaseException:
            database.close()
            raise
        for number in numbers:
            if number < self._number:
                self._remove(number)
        return database

    def _path(self, number: int) -> str:
        return os.path.join(self._folder, f"asyncfetch-shards-{number}.db")

    def _remove(self, number: int) -> None:
        for ending in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                os.unlink(self._path(number) + ending)


def _select(database: sqlite3.Connection, names: list[bytes]) -> list[tuple[bytes, object, object]]:
    marks = ",".join("?" * len(names))
    query = f"SELECT key, body, used FROM shards WHERE key IN ({marks})"  # noqa: S608 - question marks, nothing else
    return database.execute(query, names).fetchall()


def _today() -> int:
    return int(time.time()) // _DAY


def _is_passing(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)  # an extended one: the kind is in its low byte
    return code is None or code & 0xFF in _PASSING
