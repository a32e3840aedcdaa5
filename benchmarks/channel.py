"""The rows of repodata: a channel of eight subdirs into a cache, cold and all fresh, by three clients.

Each run is a process of its own that times itself, after it has fetched a small channel to load what is loaded late.
The fresh run of httpx, which keeps no cache, asks for each file with the entity tag it has. It hashes nothing, either:
the hash of the json that conda's state holds is more than a quarter of what our cold run computes.
"""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING

from .measure import Series, processes
from .peers import CONTENDERS, python_for
from .report import Finding, compare
from .rows import Claim

if TYPE_CHECKING:
    from pathlib import Path

    from .far_ends import FarEnds
    from .work import Scale

SUBDIRS = (
    "noarch", "linux-64", "linux-aarch64", "linux-ppc64le", "osx-64", "osx-arm64", "win-64", "win-arm64",
)  # fmt: skip
_OURS, _RATTLER, _HTTPX = "asyncfetch.repodata", "py-rattler", "httpx and zstandard"
_CLAIMS = {"cold": Claim("time", 0.8, 0.5, (_RATTLER,)), "fresh": Claim("time", 0.1, 0.02, (_RATTLER,))}


def make(root: Path, records: int) -> None:
    """Write a channel, and a small one to warm up with."""
    import zstandard

    chance = random.Random(16)
    compressor = zstandard.ZstdCompressor(level=12)
    for channel, subdirs, count in (("channel", SUBDIRS, records), ("warm-channel", ("noarch",), 10)):
        for subdir in subdirs:
            packages = dict(_record(chance, subdir, number) for number in range(count))
            document = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages, "repodata_version": 1}
            data = json.dumps(document).encode()
            folder = root / channel / subdir
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "repodata.json").write_bytes(data)
            (folder / "repodata.json.zst").write_bytes(compressor.compress(data))


def _record(chance: random.Random, subdir: str, number: int) -> tuple[str, dict[str, object]]:
    build = f"h{chance.getrandbits(28):07x}_0"
    return f"package-{number}-1.{number % 7}-{build}.conda", {
        "build": build,
        "build_number": 0,
        "depends": ["python >=3.10", "libgcc >=13", "numpy >=1.21,<3"],
        "md5": f"{chance.getrandbits(128):032x}",
        "name": f"package-{number}",
        "sha256": f"{chance.getrandbits(256):064x}",
        "size": chance.getrandbits(22),
        "subdir": subdir,
        "timestamp": 1_700_000_000_000 + number,
        "version": f"1.{number % 7}",
    }


def repodata(folder: Path, root: Path, ends: FarEnds, scale: Scale) -> list[Finding]:
    """Measure both rows."""
    title = f"repodata, {len(SUBDIRS)} subdirs"
    if "http" not in ends.bases:
        return [Finding.missing("repodata", title, ends.absent["http"])]
    make(root, scale.records)
    commands, absent = _commands(ends.bases["http"], folder / "repodata")
    findings = []
    for what, claim in _CLAIMS.items():

        def before(what: str = what) -> None:
            if what == "cold":
                shutil.rmtree(folder / "repodata", ignore_errors=True)

        series = processes({name: [*command, what] for name, command in commands.items()}, scale.rounds, before)
        series |= {name: Series(name, absent=reason) for name, reason in absent.items()}
        row = f"repodata-{what}"
        told = f"{title}, {'all fresh' if what == 'fresh' else what}"
        findings.append(compare(row, told, claim, series, _OURS))
    return findings


def _commands(base: str, folder: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    commands, absent = {}, {}
    for name in (_OURS, _RATTLER, _HTTPX):
        one = CONTENDERS[name]
        python = python_for(one)
        if python is None:
            absent[name] = f"{one.module} is not installed"
            continue
        program = f"benchmarks.programs.{one.program}"
        commands[name] = [python, "-m", program, base, str(folder / one.program), *SUBDIRS]
    return commands, absent
