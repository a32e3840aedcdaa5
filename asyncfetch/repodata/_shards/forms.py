"""The forms of CEP 16: an index that names a hash for each package, and shards that hold the records of one package.

Both are msgpack within zstd. Rules: nothing here waits; what is decompressed is bounded before memory is taken for it,
and a frame that was cut, or that something follows, is refused. Hashes are bytes in a shard and hex in a repodata.json:
records leave here as a repodata.json has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..._model.errors import ProtocolViolation, TooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..._model.url import Url

INDEX = "repodata_shards.msgpack.zst"
INDEX_LIMIT = 128 * 1024 * 1024  # bytes, decompressed
SHARD_LIMIT = 16 * 1024 * 1024  # bytes, decompressed
_HASH = 32  # bytes of a sha256
_HASHES = ("sha256", "md5")
# what ends a name: white space, a version, brackets, a list, or the end (MatchSpec of conda)
_NAME = re.compile(r"\s*(?:[^\s=<>!~,;|\[(]*::)?([^\s=<>!~,;|\[(]+)")


@dataclass(frozen=True, slots=True)
class Index:
    """What an index says; ``shards`` maps the name of a package to the sha256 of its shard."""

    info: dict[str, Any]
    shards: dict[str, bytes]

    def text(self, name: str) -> str:
        """Give a text of the info, "" where there is none."""
        value = self.info.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Shard:
    """The records of one package, by file name."""

    packages: dict[str, dict[str, Any]]
    packages_conda: dict[str, dict[str, Any]]

    def dependencies(self) -> set[str]:
        """Give the names of what the records depend on."""
        found: set[str] = set()
        for records in (self.packages, self.packages_conda):
            for record in records.values():
                specs = record.get("depends")
                if isinstance(specs, list):
                    found.update(spec for spec in specs if isinstance(spec, str))
        return names_of(found)


def names_of(specs: Iterable[str]) -> set[str]:
    """Give the names of packages that dependency specs are about; a plain name is one.

    >>> sorted(names_of(["python >=3.9,<4", "numpy", "conda-forge::Lua[version='>5']", "zlib>=1.2"]))
    ['lua', 'numpy', 'python', 'zlib']
    """
    return {found[1].lower() for spec in specs if (found := _NAME.match(spec)) is not None}


def read_index(data: bytes, url: Url) -> Index:
    """Read an index as it came. Raises ProtocolViolation and TooLarge."""
    said = _unpacked(data, INDEX_LIMIT, url)
    info, listed = said.get("info"), said.get("shards")
    if not isinstance(info, dict) or not isinstance(listed, dict):
        raise ProtocolViolation("it is no index of shards: info or shards are missing", url=url)
    version = said.get("repodata_version", said.get("version", 1))
    if version != 1:
        raise ProtocolViolation(f"it is an index of version {version!r}, and 1 is the one we know", url=url)
    return Index(info, {str(name): _hash(value, url) for name, value in listed.items()})


def read_shard(data: bytes, url: Url) -> Shard:
    """Read a shard as it came. Raises ProtocolViolation and TooLarge."""
    said = _unpacked(data, SHARD_LIMIT, url)
    return Shard(_records(said.get("packages", {}), url), _records(said.get("packages.conda", {}), url))


def _hash(said: object, url: Url) -> bytes:
    """Take the bytes of a hash, or a list of their numbers."""
    if isinstance(said, bytes | list) and len(said) == _HASH:
        try:
            return bytes(said)
        except (TypeError, ValueError):
            pass  # numbers that are no bytes
    raise ProtocolViolation("a hash of the index is not one", url=url)


def _records(said: object, url: Url) -> dict[str, dict[str, Any]]:
    if not isinstance(said, dict) or not all(isinstance(record, dict) for record in said.values()):
        raise ProtocolViolation("it is no shard: its packages are not records by name", url=url)
    for record in said.values():
        for name in _HASHES:
            value = record.get(name)
            if isinstance(value, bytes):
                record[name] = value.hex()
    return said


def _unpacked(data: bytes, limit: int, url: Url) -> dict[str, Any]:
    import msgpack

    text = _decompressed(data, limit, url)
    try:
        said = msgpack.unpackb(text, raw=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise ProtocolViolation(f"it is no msgpack: {error or type(error).__name__}", url=url) from error
    if not isinstance(said, dict):
        raise ProtocolViolation("its msgpack is no map", url=url)
    return said


def _decompressed(data: bytes, limit: int, url: Url) -> bytes:
    import zstandard

    try:
        # a declared size is allocated at once, so it is looked at before
        declared = zstandard.frame_content_size(data)
        if declared > limit:
            raise TooLarge(f"it decompresses to {declared} bytes, more than {limit}", url=url)
        if declared == 0:  # libzstd takes it for an unknown size
            raise ProtocolViolation("it is empty", url=url)
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=limit, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ProtocolViolation(f"it is not sound zstd of at most {limit} bytes: {error}", url=url) from error
