"""What lies beside a destination is called after it: NAME.part, NAME.part.json, and private parts, NAME.private-1.part.

A name of more than 240 bytes would make these longer than file systems take (255 bytes, NAME_MAX): they are called
after its first 200 bytes and a hash of all of it then, so that every process finds the same. Destinations are absolute.
"""

from __future__ import annotations

import hashlib
import os

_SURE = 60  # characters, of at most four bytes each: nothing to count
_MOST = 240  # bytes: 255 without the longest of what is put behind
_KEPT = 200  # bytes of a longer name; a point and 16 digits follow


def part_path(destination: str) -> str:
    """Give the path of the part of a destination."""
    return _stem(destination) + ".part"


def note_path(part: str) -> str:
    """Give the path of the note beside a part."""
    return part + ".json"


def private_path(destination: str, number: int) -> str:
    """Give the path of a private part."""
    return f"{_stem(destination)}.private-{number}.part"


def is_shortened(destination: str) -> bool:
    """Tell whether the name is so long that only its beginning is used."""
    return _stem(destination) is not destination


def _stem(destination: str) -> str:
    start = destination.rfind(os.sep) + 1
    if len(destination) - start <= _SURE:
        return destination
    encoded = destination[start:].encode("utf-8", "surrogateescape")
    if len(encoded) <= _MOST:
        return destination
    # a character that is cut in two is left out: some systems take whole ones only
    front = encoded[:_KEPT].decode("utf-8", "ignore")
    return f"{destination[:start]}{front}.{hashlib.blake2b(encoded, digest_size=8).hexdigest()}"
