"""The rows: what is compared, and what it takes. Section by section the cost table of the project's contract.

A claim compares us with peers, run by run: ``time`` is ours divided by theirs and should be small, ``speed`` theirs
divided by ours and should be large, ``cpu`` like time. ``memory`` in bytes is ours alone. Several peers: the slowest.
"""

from __future__ import annotations

from dataclasses import dataclass

from .peers import OURS, OURS_UVLOOP
from .work import MIB


@dataclass(frozen=True)
class Claim:
    """What a row should come to: at least ``must``, at best ``stretch``."""

    kind: str
    must: float | None
    stretch: float | None = None
    against: tuple[str, ...] = ()
    best: tuple[str, ...] = ()  # whom the stretch is against, if not the same

    @property
    def rises(self) -> bool:
        """More is better."""
        return self.kind == "speed"


@dataclass(frozen=True)
class Row:
    """One errand and who runs it. ``more`` are peers of the full run only, there for the picture."""

    name: str
    title: str
    scheme: str
    files: str
    claims: tuple[Claim, ...]
    contenders: tuple[str, ...]
    more: tuple[str, ...] = ()
    width: int = 1
    verified: bool = False
    runs: int = 1  # times the rounds of the scale


_MEMORY = Claim("memory", 48 * MIB, 24 * MIB)
_BOTH = (OURS, OURS_UVLOOP)
_PEERS = ("aiohttp", "httpx", "httpx2", "requests", "pooch", "parfive", "pycurl", "obstore", "aria2c", "wget2")
# for 10,000 files; those with a thread or a retry loop a file take minutes, and are in the row of middling ones
_MANY = ("httpx2", "pycurl", "obstore", "aria2c", "wget2")
_S3_PEERS = ("curl", "boto3", "boto3, CRT", "obstore", "s5cmd")

ROWS = (
    Row(
        "http-large", "one large file, http, no digest", "http", "large",
        (Claim("time", 1.0, 0.6, ("curl",)), _MEMORY), (*_BOTH, "curl"), _PEERS,
    ),
    Row(
        "http-large-sha256", "one large file, http, sha256 verified", "http", "large",
        (Claim("time", 1.25, 1.05, ("curl", "sha256 alone")), _MEMORY),
        (*_BOTH, "curl", "sha256 alone"), ("aria2c",), verified=True,
    ),
    Row(
        "https-large", "one large file, https, no digest", "https", "large",
        (Claim("time", 1.1, 0.9, ("curl",)), _MEMORY), (*_BOTH, "curl"), ("aiohttp", "httpx", "requests", "pycurl"),
    ),
    Row(
        "https-large-sha256", "one large file, https, sha256 verified", "https", "large",
        (Claim("time", 1.35, 1.1, ("curl",)), _MEMORY), (*_BOTH, "curl"), verified=True,
    ),
    Row(
        "small", "many 20 KiB files, http, sha256 and rename each, 32 wide", "http", "small",
        (
            Claim("speed", 0.4, 1.0, ("curl",)),
            Claim("speed", 1.5, None, ("aiohttp",)),
            Claim("speed", 5.0, None, ("httpx",)),
        ),
        (*_BOTH, "curl", "aiohttp", "httpx"), ("the least", *_MANY), width=32, verified=True,
    ),
    Row(
        "small-https", "many 20 KiB files, https, sha256 and rename each, 32 wide", "https", "small",
        (), (), (*_BOTH, "curl", "aiohttp"), width=32, verified=True,
    ),
    Row(
        "middling", "5 MiB files, http, sha256, 16 wide", "http", "middling",
        (), (), (*_BOTH, "curl", "aiohttp", "httpx", "requests", "pooch", "parfive", "aria2c"), width=16, verified=True,
    ),
    Row(
        "install", "an install: packages of log-normal size, http, sha256, 16 wide", "http", "install",
        (), (OURS, "curl", "requests"), (OURS_UVLOOP, "aiohttp", "httpx", "aria2c"), width=16, verified=True,
    ),
    Row(
        "s3-large", "one large object, S3, no digest", "s3", "large",
        (
            Claim("speed", 1.4, None, ("aiobotocore",)),
            Claim("cpu", 0.5, None, ("aiobotocore",)),
            Claim("speed", None, 1.0, ("s5cmd",)),
            _MEMORY,
        ),
        (OURS, "aiobotocore"), (OURS_UVLOOP, *_S3_PEERS),
    ),
    Row(
        "s3-objects", "many 20 KiB objects, S3, 32 wide", "s3", "objects",
        (Claim("speed", 3.0, None, ("aiobotocore",)), Claim("speed", None, 1.0, ("s5cmd", "obstore"))),
        (OURS, "aiobotocore"), (OURS_UVLOOP, *_S3_PEERS), width=32,
    ),
    Row(
        "ftp-large-sha256", "one large file, FTP, sha256 verified", "ftp", "large",
        (Claim("speed", 2.0, None, ("aioftp",)), Claim("speed", None, 1.0, ("curl",)), _MEMORY),
        (OURS, "aioftp", "curl"), (OURS_UVLOOP, "lftp"), verified=True,
    ),
    Row("file-large", "one large file, file://", "file", "large", (_MEMORY,), (OURS, "cp")),
)  # fmt: skip

# rows of the contract that nothing here can measure yet, and why
UNMEASURED: dict[str, str] = {}
