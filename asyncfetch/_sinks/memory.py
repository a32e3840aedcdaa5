"""The near end in memory, with a ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._model.errors import TooLarge
from .._model.exchange import NOTHING, Held, Validator
from .hashing import Hashing, check

if TYPE_CHECKING:
    from typing import Self

    from .._disk.disk import Disk
    from .._model.digest import Digest
    from .._model.url import Url

_FIRST = 64 * 1024  # bytes lent when the size is not known
_MOST = 1024 * 1024
_INLINE = 256 * 1024  # hashing so many bytes takes 0.2 ms; more is left to a thread


class MemorySink:
    """Gathers a body of at most ``limit`` bytes; ``content`` is there after the commit."""

    def __init__(self, disk: Disk, url: Url, digests: tuple[Digest, ...], limit: int) -> None:
        self._disk = disk
        self._url = url
        self._asked = digests
        self._digests = digests
        self._limit = limit
        self._data = bytearray()
        self._filled = 0
        self._validator: Validator | None = None
        self._lent: memoryview | None = None
        self.found: None = None
        self.found_digests: tuple[Digest, ...] = ()
        self.path: None = None
        self.content: bytes = b""
        self.spent = (0.0, 0.0)  # seconds that writing and hashing took

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._lent = None
        self._data = bytearray()

    @property
    def held(self) -> Held:
        """What arrived so far."""
        return Held(self._filled, self._validator) if self._filled else NOTHING

    async def begin(self, validator: Validator, size: int | None, *, offset: int, digests: tuple[Digest, ...]) -> None:
        """Keep ``offset`` bytes and make room for the rest. Raises TooLarge."""
        self._lent = None
        if size is not None and size > self._limit:
            raise self._too_large(f"{size} bytes")
        if size is not None and len(self._data) != size + 1:
            data = bytearray(size + 1)  # one more than belongs there is asked for, and has its place without a copy
            data[:offset] = memoryview(self._data)[:offset]
            self._data = data
        self._filled = offset
        self._validator = validator
        self._digests = (*self._asked, *digests)

    def lend(self, hint: int | None) -> memoryview | None:
        """Lend the place where the next bytes belong."""
        room = len(self._data) - self._filled
        if room <= 0:
            if self._filled > self._limit:
                raise self._too_large(f"more than {self._limit} bytes")
            grown = bytearray(min(max(2 * self._filled, _FIRST, hint or 0), self._limit + 1))
            grown[: self._filled] = memoryview(self._data)[: self._filled]
            self._data = grown
        self._lent = memoryview(self._data)[self._filled : self._filled + _MOST]
        return self._lent

    async def room(self) -> None:
        """Memory is always lent at once."""

    def take(self, count: int) -> None:
        """Count what was put into the place lent."""
        self._lent = None
        self._filled += count

    def spoil(self) -> None:
        """Forget what arrived."""
        self._filled = 0
        self._validator = None

    async def commit(self) -> tuple[Digest, ...]:
        """Verify, and give the content out."""
        if self._filled > self._limit:
            raise self._too_large(f"more than {self._limit} bytes")
        data = memoryview(self._data)[: self._filled]
        computed: tuple[Digest, ...] = ()
        if self._digests:
            hashing = Hashing(self._digests)
            if len(data) <= _INLINE:
                hashing.update(data)
            else:
                await self._disk.hasher().run(lambda: hashing.update(data))
            self.spent = (0.0, hashing.spent)
            computed = hashing.digests()
            check(self._digests, computed, self._url)
        self.content = bytes(data)
        return computed

    def _too_large(self, what: str) -> TooLarge:
        return TooLarge(
            f"{what} do not fit into memory by the settings, which allow {self._limit}",
            url=self._url,
            hint="give a destination, or raise Limits.memory",
        )
