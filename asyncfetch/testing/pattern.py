"""Pattern: bytes of any length that are never held, for bodies of a gibibyte.

One block is repeated. Its length is prime, so that a body continued at a wrong offset never looks right.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PERIOD = 1_048_583  # the least prime above 1 MiB
PIECE = 128 * 1024  # bytes handed on at a time: small enough that counts are near the truth


@lru_cache(maxsize=16)
def _block(seed: int) -> bytes:
    return Random(seed).randbytes(PERIOD)


@lru_cache(maxsize=64)
def _sha256(pattern: Pattern) -> str:
    digest = hashlib.sha256()
    for piece in pattern.pieces(0, pattern.size):
        digest.update(piece)
    return digest.hexdigest()


class Pattern:
    """``size`` bytes, the same for the same ``seed`` wherever they are asked for.

    >>> Pattern(3 << 30).read(5, 8) == Pattern(10).read(5, 8)
    True
    """

    def __init__(self, size: int, *, seed: int = 0) -> None:
        if size < 0:
            raise ValueError(f"a size is a number of bytes, not {size}")
        self.size = size
        self.seed = seed

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and (self.size, self.seed) == (other.size, other.seed)

    def __hash__(self) -> int:
        return hash((self.size, self.seed))

    def __repr__(self) -> str:
        return f"Pattern({self.size}, seed={self.seed})"

    @property
    def sha256(self) -> str:
        """The hex digits of SHA-256 over all of it; computed once."""
        return _sha256(self)

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Give the bytes from ``start`` up to ``stop``, in views of at most 128 KiB."""
        block = memoryview(_block(self.seed))
        while start < stop:
            at = start % PERIOD
            count = min(PIECE, stop - start, PERIOD - at)
            yield block[at : at + count]
            start += count

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Give the bytes from ``start`` up to ``stop`` (None: the end) as one."""
        return b"".join(self.pieces(start, self.size if stop is None else min(stop, self.size)))


def pieces_of(data: bytes | Pattern, start: int, stop: int) -> Iterator[memoryview]:
    """Give a part of either kind of body, in views of at most 128 KiB."""
    if isinstance(data, Pattern):
        yield from data.pieces(start, stop)
        return
    view = memoryview(data)
    for at in range(start, stop, PIECE):
        yield view[at : min(at + PIECE, stop)]


def sha256_of(data: bytes | Pattern) -> str:
    """The hex digits of SHA-256 of either kind of body."""
    return data.sha256 if isinstance(data, Pattern) else hashlib.sha256(data).hexdigest()
