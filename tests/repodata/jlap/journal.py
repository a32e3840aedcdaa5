"""A channel's side: versions of a repodata.json and the journal between them, as conda-index writes them."""

from __future__ import annotations

import hashlib
import json

import jsonpatch

STYLES = {
    "one line": {"separators": (",", ":")},
    "spaced": {},
    "indented": {"indent": 2},
    "tight indent": {"indent": 1, "separators": (",", ":")},
}


def blake(data: bytes, key: bytes = b"") -> bytes:
    return hashlib.blake2b(data, key=key, digest_size=32).digest()


def written(document: object, style: str = "one line", *, end: str = "", **more: object) -> bytes:
    """A document as its author writes it."""
    return (json.dumps(document, **{"sort_keys": True, **STYLES[style], **more}) + end).encode()


def record(name: str, number: int = 0, **more: object) -> dict[str, object]:
    return {
        "build": f"h{number:07x}_0",
        "build_number": 0,
        "depends": ["python >=3.9", f"lib{name} {number}.*"],
        "license": "MIT",
        "md5": hashlib.md5(f"{name}{number}".encode()).hexdigest(),
        "name": name,
        "sha256": hashlib.sha256(f"{name}{number}".encode()).hexdigest(),
        "size": 1000 + number,
        "subdir": "linux-64",
        "timestamp": 1700000000000 + number,
        "version": f"1.{number}",
        **more,
    }


def repodata(*names: str) -> dict[str, object]:
    return {
        "info": {"subdir": "linux-64"},
        "packages": {f"{name}-1.0-0.tar.bz2": record(name) for name in names},
        "packages.conda": {f"{name}-1.{n}-0.conda": record(name, n) for name in names for n in range(3)},
        "removed": ["old-1.0-0.tar.bz2"],
        "repodata_version": 1,
    }


def patch(old: object, new: object) -> list[object]:
    return list(jsonpatch.make_patch(old, new))


class Journal:
    """A journal that grows; ``text`` is the file."""

    def __init__(self) -> None:
        self.lines = ["0" * 64]
        self.latest = ""

    def add(self, old: bytes, new: bytes, operations: list[object] | None = None) -> Journal:
        operations = patch(json.loads(old), json.loads(new)) if operations is None else operations
        return self.add_line({"from": blake(old).hex(), "to": blake(new).hex(), "patch": operations})

    def add_line(self, line: dict[str, object]) -> Journal:
        self.lines.append(json.dumps(line, separators=(",", ":")))
        self.latest = line["to"]
        return self

    @property
    def text(self) -> bytes:
        footer = json.dumps({"url": "repodata.json", "latest": self.latest}, separators=(",", ":"))
        checksum = bytes.fromhex(self.lines[0])
        for line in [*self.lines[1:], footer]:
            checksum = blake(line.encode(), checksum)
        return "\n".join([*self.lines, footer, checksum.hex()]).encode()
