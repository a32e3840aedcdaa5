"""A channel with shards as conda-index makes them, and the same records as a whole repodata.json."""

from __future__ import annotations

import hashlib
import json

import msgpack
import zstandard

INDEX = "repodata_shards.msgpack.zst"


def packed(what: object) -> bytes:
    return zstandard.compress(msgpack.packb(what))


def record(name: str, *depends: str, number: int = 0, subdir: str = "linux-64") -> dict[str, object]:
    return {
        "build": "h0_0",
        "build_number": number,
        "depends": list(depends),
        "md5": hashlib.md5(f"{name}{number}".encode()).hexdigest(),
        "name": name,
        "sha256": hashlib.sha256(f"{name}{number}".encode()).hexdigest(),
        "size": 1000,
        "subdir": subdir,
        "version": f"1.{number}",
    }


def in_shard(one: dict[str, object]) -> dict[str, object]:
    """A record as a shard has it: hashes as bytes."""
    return {**one, "md5": bytes.fromhex(one["md5"]), "sha256": bytes.fromhex(one["sha256"])}


class Sharded:
    """Packages of one subdir: ``{name: dependencies}``, two records each, one of them a .tar.bz2."""

    def __init__(self, packages: dict[str, list[str]], subdir: str = "linux-64", **info: str) -> None:
        self.subdir = subdir
        self.info = {"base_url": "", "shards_base_url": "", "subdir": subdir, **info}
        self.packages: dict[str, dict] = {}
        self.packages_conda: dict[str, dict] = {}
        self.shards: dict[str, bytes] = {}  # name -> bytes
        for name, depends in packages.items():
            old, new = (record(name, *depends, number=number, subdir=subdir) for number in (0, 1))
            self.packages[f"{name}-1.0-h0_0.tar.bz2"] = old
            self.packages_conda[f"{name}-1.1-h0_0.conda"] = new
            shard = {
                "packages": {f"{name}-1.0-h0_0.tar.bz2": in_shard(old)},
                "packages.conda": {f"{name}-1.1-h0_0.conda": in_shard(new)},
            }
            self.shards[name] = packed(shard)

    @property
    def hashes(self) -> dict[str, bytes]:
        return {name: hashlib.sha256(shard).digest() for name, shard in self.shards.items()}

    @property
    def index(self) -> bytes:
        return packed({"version": 1, "info": self.info, "shards": self.hashes})

    @property
    def repodata(self) -> bytes:
        whole = {"info": {"subdir": self.subdir}, "packages": self.packages, "packages.conda": self.packages_conda}
        return json.dumps(whole, sort_keys=True).encode()

    def only(self, *names: str) -> tuple[dict, dict]:
        """The records of some packages."""
        return tuple(
            {file: one for file, one in group.items() if one["name"] in names}
            for group in (self.packages, self.packages_conda)
        )

    def files(self, folder: str = "") -> dict[str, bytes]:
        """What the subdir serves: file name -> bytes; the shards below ``folder``."""
        shards = {f"{folder}{self.hashes[name].hex()}.msgpack.zst": shard for name, shard in self.shards.items()}
        return {INDEX: self.index, **shards}
