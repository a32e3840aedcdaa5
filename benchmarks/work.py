"""What is fetched: one large file, many small ones, some middling ones, and an install as it is."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
_SHARED_MEMORY = Path("/dev/shm")  # a RAM disk, as the figures are about clients and not disks


@dataclass(frozen=True)
class Scale:
    """How much of everything, and how many runs."""

    name: str
    rounds: int
    large: int  # bytes
    small: int  # files of 20 KiB
    middling: int  # files of 5 MiB
    packages: int  # of an install
    objects: int  # small ones, on S3
    in_turn: int  # fetches one after the other, for the sync facade
    queue: int  # wishes
    records: int  # packages in each repodata.json

    @property
    def room(self) -> int:
        """Bytes that far ends and contenders need on disk, with some to spare."""
        served = self.large + self.small * 20_480 + self.middling * 5 * MIB + self.packages * 4 * MIB
        served += 8 * 500 * self.records
        return 4 * served + 256 * MIB


FULL = Scale("full", 5, 1024 * MIB, 10_000, 200, 300, 2_000, 500, 100_000, 60_000)
QUICK = Scale("quick", 3, 256 * MIB, 2_000, 20, 60, 400, 200, 10_000, 60_000)
TINY = Scale("tiny", 1, 2 * MIB, 40, 2, 6, 10, 5, 100, 50)
SCALES = {scale.name: scale for scale in (FULL, QUICK, TINY)}


@dataclass(frozen=True)
class File:
    """One file below the root of the far ends."""

    name: str
    size: int
    digest: str


class Work:
    """Files made in a folder; the same ones each time, so that figures can be compared."""

    def __init__(self, root: Path, scale: Scale, wanted: set[str]) -> None:
        self.root = root
        self._chance = random.Random(20_480)
        self._block = self._chance.randbytes(MIB)
        self._made = 0
        self.files: dict[str, list[File]] = {"warm": self._make("warm", [20_480])}
        sizes = {
            "large": [scale.large],
            "share": [scale.large // 32],  # of the large one
            "small": [20_480] * scale.small,
            "objects": [20_480] * scale.objects,
            "in_turn": [20_480] * scale.in_turn,
            "middling": [5 * MIB] * scale.middling,
            # conda packages: a median of 200 kB, a mean of 1.5 MB, the largest around 100 MB
            "install": [min(100 * MIB, int(self._chance.lognormvariate(12.2, 2.0))) for _ in range(scale.packages)],
        }
        for name in sizes.keys() & wanted:
            self.files[name] = self._make(name, sizes[name])

    def _make(self, folder: str, sizes: list[int]) -> list[File]:
        (self.root / folder).mkdir(parents=True)
        return [self._write(f"{folder}/{number:05}", size) for number, size in enumerate(sizes)]

    def _write(self, name: str, size: int) -> File:
        hashing = hashlib.sha256()
        with (self.root / name).open("wb") as file:
            left = size
            while left:
                self._made += 1
                # no two blocks are alike, and it is made as fast as it is hashed
                piece = (self._made.to_bytes(16, "little") + self._block[16:])[:left]
                file.write(piece)
                hashing.update(piece)
                left -= len(piece)
        return File(name, size, f"sha256:{hashing.hexdigest()}")


@contextmanager
def place(scale: Scale) -> Iterator[Path]:
    """Give a folder for everything, on a RAM disk if there is room, and remove it in the end."""
    parent: str | None = None
    if os.access(_SHARED_MEMORY, os.W_OK) and shutil.disk_usage(_SHARED_MEMORY).free > scale.room:
        parent = str(_SHARED_MEMORY)
    with tempfile.TemporaryDirectory(prefix="asyncfetch-benchmarks-", dir=parent) as folder:
        yield Path(folder)
