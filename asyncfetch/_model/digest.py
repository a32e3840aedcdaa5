"""Digest: ``"sha256:HEX"``, what must hold, or ``"sha256"``, what to compute.

``"sha256/262144:HEX"`` is the digest of the digests of pieces of that many bytes, the last one shorter: what a Metalink
or a torrent says of a file by the pieces, in the size of one digest. Made by `Digest.of_pieces`, it also knows which
pieces of a wrong body are right, so that only the others are fetched again.
"""

from __future__ import annotations

import re
from binascii import crc32, unhexlify
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from .errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# name -> length of the digest in bytes. blake2b-256 is the 32 byte form of blake2b (RFC 7693), as conda uses it
SIZES = {"sha256": 32, "sha512": 64, "blake2b": 64, "blake2b-256": 32, "sha1": 20, "md5": 16}

_COMMON = re.compile(r"sha256:[0-9a-f]{64}\Z")  # as nearly all are given

CHECKSUM = "crc32"  # what S3 declares of an object: it tells accidents, not attacks, and no wish may ask for it


class Digest(str):
    """A digest as text: the algorithm, and after a colon the value in lower-case hex digits when one is required.

    Raises MistakeError for an unknown algorithm or a value of the wrong length.

    >>> Digest("SHA256:" + "0F" * 32).algorithm
    'sha256'
    """

    __slots__ = ("algorithm", "pieces")

    algorithm: str  # name of the hash function
    pieces: tuple[bytes, ...]  # the digests of the pieces, where it was made of them

    def __new__(cls, text: str) -> Digest:
        if not isinstance(text, str):
            raise MistakeError(f"a digest is a string such as `sha256:HEX`, not {type(text).__name__}")
        if _COMMON.match(text):
            return cls._made(text, "sha256")
        algorithm, colon, value = text.partition(":")
        algorithm, value = algorithm.lower(), value.lower()
        size = SIZES.get(algorithm) or _size_by_pieces(algorithm)
        if colon and (len(value) != 2 * size or value.strip("0123456789abcdef")):
            raise MistakeError(f"the value of a {algorithm} digest is {2 * size} hex digits, not {value!r}")
        return cls._made(f"{algorithm}:{value}" if colon else algorithm, algorithm)

    @classmethod
    def many(cls, what: str | Iterable[str] | None) -> tuple[Digest, ...]:
        """Read one digest, several, or none."""
        if what is None:
            return ()
        if isinstance(what, Digest):
            return (what,)
        if isinstance(what, str):
            return (cls(what),)
        if not hasattr(what, "__iter__"):
            raise MistakeError(f"a digest is a string such as `sha256:HEX`, not {type(what).__name__}")
        return tuple(one if isinstance(one, cls) else cls(one) for one in what)

    @classmethod
    def of(cls, algorithm: str, value: str) -> Digest:
        """Put together a digest that was computed here, and so needs no check."""
        return cls._made(f"{algorithm}:{value}", algorithm)

    @classmethod
    def of_pieces(cls, algorithm: str, length: int, values: Iterable[str]) -> Digest:
        """Put the hex digits of the digests of all pieces of ``length`` bytes together to one digest."""
        whole = cls(f"{algorithm}/{length}")
        pieces = tuple([unhexlify(cls(f"{algorithm}:{value}").value) for value in values])
        hashed = new_hash(algorithm)
        for piece in pieces:
            hashed.update(piece)
        return cls._made(f"{whole.algorithm}:{hashed.hexdigest()}", whole.algorithm, pieces)

    @classmethod
    def _made(cls, text: str, algorithm: str, pieces: tuple[bytes, ...] = ()) -> Digest:
        self = super().__new__(cls, text)
        self.algorithm = algorithm
        self.pieces = pieces
        return self

    @property
    def value(self) -> str:
        """The hex digits; empty when the digest only says what to compute."""
        return self.partition(":")[2]

    def __reduce__(self) -> tuple[Any, ...]:
        return Digest._made, (str(self), self.algorithm, self.pieces)


def _size_by_pieces(algorithm: str) -> int:
    name, slash, length = algorithm.partition("/")
    if name not in SIZES or not slash:
        raise MistakeError(f"unknown digest algorithm {algorithm!r}; one of {', '.join(SIZES)} is")
    if not (length.isascii() and length.isdigit() and 0 < len(length) < 16 and length[0] != "0"):
        raise MistakeError(f"the pieces of a digest have a number of bytes, not {length!r}")
    return SIZES[name]


class ByPieces:
    """The hash of the hashes of pieces, in the form of a hash object."""

    __slots__ = ("_algorithm", "_left", "_length", "_piece", "_whole")

    def __init__(self, algorithm: str, length: int) -> None:
        self._algorithm = algorithm
        self._length = self._left = length
        self._piece, self._whole = new_hash(algorithm), new_hash(algorithm)

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(data)
        while view:
            some = view[: self._left]
            self._piece.update(some)
            self._left -= len(some)
            view = view[len(some) :]
            if self._left == 0:
                self._whole.update(self._piece.digest())
                self._piece, self._left = new_hash(self._algorithm), self._length

    def hexdigest(self) -> str:
        """Give the value as hex digits; the last piece may be shorter."""
        whole = self._whole.copy()
        if self._left < self._length:
            whole.update(self._piece.digest())
        value: str = whole.hexdigest()
        return value


class Crc32:
    """CRC-32 (ISO 3309) in the form of a hash object."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._value = crc32(data, self._value)

    def hexdigest(self) -> str:
        """Give the value as eight hex digits."""
        return f"{self._value:08x}"


def new_hash(algorithm: str) -> Any:
    """A fresh hash object for one of our algorithms, or for one that only a source may declare (crc32)."""
    return _maker(algorithm)()


@lru_cache(64)
def _maker(algorithm: str) -> Callable[[], Any]:
    if algorithm not in SIZES:
        name, _, length = algorithm.partition("/")
        return Crc32 if name == CHECKSUM else partial(ByPieces, name, int(length))
    import hashlib

    if algorithm == "blake2b-256":
        return partial(hashlib.blake2b, digest_size=32, usedforsecurity=False)
    # a third of what hashlib.new costs
    return partial(getattr(hashlib, algorithm), usedforsecurity=False)
