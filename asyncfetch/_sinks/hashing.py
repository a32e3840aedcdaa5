"""Digests of the bytes that pass: computed beside the writing, once, and compared at the end."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from .._model.digest import Digest, new_hash
from .._model.errors import DigestMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .._model.url import Url

_BLOCK = 1024 * 1024  # bytes read at a time from a file


class Hashing:
    """Hash objects for the algorithms that some digests need. Used by one thread at a time."""

    __slots__ = ("_hashes", "algorithms", "spent")

    def __init__(self, digests: tuple[Digest, ...]) -> None:
        self.spent = 0.0  # seconds
        self.algorithms = algorithms(digests)
        self._hashes: list[Any] = [new_hash(algorithm) for algorithm in self.algorithms]

    def update(self, view: memoryview) -> None:
        """Hash the next bytes; the hash functions release the interpreter lock."""
        began = perf_counter()
        for one in self._hashes:
            one.update(view)
        self.spent += perf_counter() - began

    def read(self, path: str, length: int | None = None, *, offset: int = 0) -> int:
        """Hash bytes of a file, all of it by default; give their number."""
        view = memoryview(bytearray(_BLOCK))
        done = 0
        with open(path, "rb", buffering=0) as file:
            file.seek(offset)
            while length is None or done < length:
                count = file.readinto(view if length is None else view[: length - done])
                if not count:
                    break
                self.update(view[:count])
                done += count
        return done

    def digests(self) -> tuple[Digest, ...]:
        """Give the digests of what was hashed, in the order of the algorithms."""
        pairs = zip(self.algorithms, self._hashes, strict=True)
        return tuple([Digest.of(algorithm, one.hexdigest()) for algorithm, one in pairs])


def verified(view: memoryview, digest: Digest) -> Digest | None:
    """Give the digest of a whole body; None if it is not the one asked for."""
    hashed = new_hash(digest.algorithm)
    hashed.update(view)
    found: str = hashed.hexdigest()
    if ":" in digest:
        return digest if digest.endswith(found) else None
    return Digest.of(digest.algorithm, found)


def algorithms(digests: tuple[Digest, ...]) -> tuple[str, ...]:
    """Give the algorithms that some digests need, each once."""
    if len(digests) == 1:
        return (digests[0].algorithm,)
    return tuple(dict.fromkeys([digest.algorithm for digest in digests]))


def holds(digests: Iterable[Digest], computed: Iterable[Digest]) -> bool:
    """Tell whether every digest that has a value is among the computed ones."""
    found = set(computed)
    return all(digest in found for digest in digests if digest.value)


def check(digests: Iterable[Digest], computed: tuple[Digest, ...], url: Url | None) -> None:
    """Raise DigestMismatch unless every digest that has a value is among the computed ones."""
    for digest in digests:
        if digest not in computed and digest.value:
            found = next((other for other in computed if other.algorithm == digest.algorithm), None)
            raise DigestMismatch(
                f"its bytes have {found}, {digest} was expected",
                url=url,
                hint="the source or something on the way changed the file, or the expected digest is of another one",
            )
