"""What is right of a body that turned out wrong: with the digests of its pieces known, only the bad ones come again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._model.digest import new_hash
from .._policy.coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._model.digest import Digest


def right_pieces(path: str, size: int, digests: Iterable[Digest]) -> Coverage | None:
    """Read a file of so many bytes once more, and tell which pieces of it are right; None where nothing says so.

    None as well when all are: then it is another digest that does not hold, and nothing says which bytes are to blame.
    """
    digest = next((one for one in digests if one.pieces), None)
    if digest is None:
        return None
    name, _, length = digest.algorithm.partition("/")
    right = Coverage()
    view = memoryview(bytearray(1024 * 1024))
    with open(path, "rb", buffering=0) as file:
        for number, expected in enumerate(digest.pieces):
            start = at = number * int(length)
            stop = min(size, start + int(length))
            hashed = new_hash(name)
            while at < stop and (count := file.readinto(view[: stop - at])):
                hashed.update(view[:count])
                at += count
            if start < at == stop and hashed.digest() == expected:
                right.add(start, stop)
    return None if right.front >= size else right
