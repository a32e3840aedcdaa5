"""The walk from package names to everything they can depend on: which shard of which subdir is wanted next.

Rules: a name counts for every subdir. What a shard names is wanted as soon as that shard is read, not when a level is
complete; what the store has is taken from it, in batches, before anything is asked for. All of it happens on one worker
thread, a step at a time: reading shards takes longer than fetching them.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._model.errors import FetchError, NotFound
from ..._model.fetch import Fetch
from ..._model.url import Url
from .._outcome import Status
from .forms import Shard, read_shard
from .store import Key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._channels import Place
    from .index import Found
    from .store import Store

_BATCH = 200  # shards looked up and read in one step: requests for the missing ones need not wait for the others


class Subdir:
    """One subdir whose index is here, and the records found in it so far."""

    def __init__(self, place: Place, found: Found, folders: tuple[Url, ...], base_url: Url, *, verify: bool) -> None:
        assert found.index is not None
        self.place = place
        self.found = found
        self.shards = found.index.shards
        self.packages: dict[str, dict[str, Any]] = {}
        self.packages_conda: dict[str, dict[str, Any]] = {}
        self.error: FetchError | None = None
        self.is_outdated = False  # another index takes its place
        self.transferred = 0
        self.base_url = base_url
        self._folders = folders
        self._verify = verify

    @property
    def over(self) -> bool:
        """Nothing more is wanted of it."""
        return self.is_outdated or self.error is not None

    def urls(self, digest: bytes) -> list[Url]:
        """Say where a shard is to be had."""
        return [Url(f"{folder.reveal()}{digest.hex()}.msgpack.zst") for folder in self._folders]

    def wish(self, digest: bytes) -> Fetch:
        """Give the wish for a shard."""
        first, *others = self.urls(digest)
        return Fetch(first, mirrors=others, digest=f"sha256:{digest.hex()}" if self._verify else None)

    def key(self, digest: bytes) -> Key:
        """Say where the store has a shard."""
        return Key.verified(digest) if self._verify else Key.unverified(digest, self._folders[0].reveal())

    def add(self, shard: Shard) -> None:
        """Take in the records of a shard."""
        self.packages.update(shard.packages)
        self.packages_conda.update(shard.packages_conda)


class Wanted(NamedTuple):
    """One shard of one subdir."""

    subdir: Subdir
    digest: bytes
    key: Key


class Arrived(NamedTuple):
    """What a request for a shard came to: its bytes, or an error."""

    wanted: Wanted
    data: bytes | None
    error: FetchError | None


class Walk:
    """Names seen, shards wanted. Its methods block and are for one thread."""

    def __init__(self, names: Iterable[str], store: Store) -> None:
        self._store = store
        self._seen = set(names)
        self._subdirs: list[Subdir] = []
        self._wanted: deque[Wanted] = deque()
        self._to_keep: dict[Key, bytes] = {}

    @property
    def has_more(self) -> bool:
        """Another step would find something to do."""
        return bool(self._wanted)

    @property
    def has_news(self) -> bool:
        """The store does not know yet what came since."""
        return bool(self._to_keep) or self._store.has_aged

    def step(self, subdirs: Iterable[Subdir], arrived: Iterable[Arrived]) -> list[Wanted]:
        """Take in what came, look up what that makes wanted; give what has to be fetched."""
        for news in arrived:
            self._take(news)
        for subdir in subdirs:
            self._subdirs.append(subdir)
            self._want(self._seen, [subdir])
        waiting: dict[Key, list[Wanted]] = {}
        for _ in range(min(_BATCH, len(self._wanted))):
            one = self._wanted.popleft()
            waiting.setdefault(one.key, []).append(one)
        held = [(key, self._to_keep[key]) for key in waiting if key in self._to_keep]  # another subdir's, just now
        stored = self._store.get([key for key in waiting if key not in self._to_keep])
        for key, data in itertools.chain(held, stored):
            try:
                for one in waiting[key]:
                    self._read(one, data)
            except FetchError:  # it is damaged where nothing verifies it: it is fetched again
                continue
            del waiting[key]
        return [one for several in waiting.values() for one in several if not one.subdir.over]

    def keep(self) -> None:
        """Tell the store what came."""
        kept, self._to_keep = self._to_keep, {}
        self._store.put(kept.items())

    # --- below

    def _take(self, one: Arrived) -> None:
        subdir = one.wanted.subdir
        if subdir.over:
            return
        if one.error is not None:
            # the index may be older than the shard's end; one that was not asked for just now is worth a question
            subdir.is_outdated = isinstance(one.error, NotFound) and subdir.found.status is Status.FRESH
            subdir.error = one.error
        elif one.data is not None:
            try:
                self._read(one.wanted, one.data)
            except FetchError as error:
                subdir.error = error
            else:
                self._to_keep[one.wanted.key] = one.data

    def _read(self, one: Wanted, data: bytes) -> None:
        """Read a shard, and want what it names. Raises ProtocolViolation and TooLarge."""
        shard = read_shard(data, one.subdir.urls(one.digest)[0])
        one.subdir.add(shard)
        new = shard.dependencies() - self._seen
        self._seen |= new
        self._want(new, self._subdirs)

    def _want(self, names: Iterable[str], subdirs: list[Subdir]) -> None:
        for name, subdir in itertools.product(names, subdirs):
            digest = subdir.shards.get(name)
            if digest is not None and not subdir.over:
                self._wanted.append(Wanted(subdir, digest, subdir.key(digest)))
