"""Digest: ``"sha256:HEX"``, what must hold, or ``"sha256"``, what to compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Iterable

# name -> length of the digest in bytes. blake2b-256 is the 32 byte form of blake2b (RFC 7693), as conda uses it
SIZES = {"sha256": 32, "sha512": 64, "blake2b": 64, "blake2b-256": 32, "sha1": 20, "md5": 16}


class Digest(str):
    """A digest as text: the algorithm, and after a colon the value in lower-case hex digits when one is required.

    Raises MistakeError for an unknown algorithm or a value of the wrong length.

    >>> Digest("SHA256:" + "0F" * 32).algorithm
    'sha256'
    """

    __slots__ = ("algorithm",)

    algorithm: str  # name of the hash function

    def __new__(cls, text: str) -> Digest:
        if not isinstance(text, str):
            raise MistakeError(f"a digest is a string such as `sha256:HEX`, not {type(text).__name__}")
        algorithm, colon, value = text.partition(":")
        algorithm, value = algorithm.lower(), value.lower()
        if algorithm not in SIZES:
            raise MistakeError(f"unknown digest algorithm {algorithm!r}; one of {', '.join(SIZES)} is")
        if colon and (len(value) != 2 * SIZES[algorithm] or value.strip("0123456789abcdef")):
            raise MistakeError(f"the value of a {algorithm} digest is {2 * SIZES[algorithm]} hex digits, not {value!r}")
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
    def _made(cls, text: str, algorithm: str) -> Digest:
        self = super().__new__(cls, text)
        self.algorithm = algorithm
        return self

    @property
    def value(self) -> str:
        """The hex digits; empty when the digest only says what to compute."""
        return self.partition(":")[2]

    def __reduce__(self) -> tuple[Any, ...]:
        return Digest, (str(self),)


def new_hash(algorithm: str) -> Any:
    """A fresh hash object of hashlib for one of our algorithms."""
    import hashlib

    if algorithm == "blake2b-256":
        return hashlib.blake2b(digest_size=32, usedforsecurity=False)
    return getattr(hashlib, algorithm)(usedforsecurity=False)  # a third of what hashlib.new costs
