"""What users and transport authors test with: real servers, a scripted far end, faults on cue, conformance checks.

Nothing is loaded before it is used. The optional dependencies are those of ``asyncfetch[testing]``. The pytest fixtures
are in `asyncfetch.testing.plugin`, which pytest finds by itself; `asyncfetch.testing.torture` hurts fetches at every
operation in turn, `asyncfetch.testing.chaos` at random, thousands of them.

>>> from asyncfetch.testing import HttpServer
"""

from __future__ import annotations

from typing import Any

# name -> where it lives; loaded on first use, as in asyncfetch itself
_HOMES = {
    "Authority": "certificates",
    "FarEnd": "far_ends",
    "FileFarEnd": "far_ends",
    "FtpFarEnd": "ftp",
    "FtpFile": "ftp",
    "FtpServer": "ftp",
    "FtpsFarEnd": "ftp",
    "HttpFarEnd": "far_ends",
    "HttpsFarEnd": "far_ends",
    "HttpServer": "http",
    "MemoryFarEnd": "far_ends",
    "MemoryResource": "memory",
    "MemoryTransport": "memory",
    "NearEnd": "checks",
    "Pattern": "pattern",
    "Received": "http",
    "Resource": "http",
    "S3FarEnd": "s3",
    "S3Server": "s3",
    "check_sink": "checks",
    "check_transport": "checks",
    "open_far_end": "far_ends",
    "self_signed_context": "certificates",
    **dict.fromkeys(
        (
            "Change", "Chunked", "CloseDelimited", "ConnectionClose", "Corrupt", "Cut", "ExtraHeaders", "Gzip",
            "Hangup", "Hold", "Http10", "IgnoreRange", "Interim", "Raise", "Raw", "Redirect", "RefuseRange", "Relabel",
            "ReprDigest", "RequireBasic", "Reset", "SlowHead", "Stall", "Status", "Throttle", "Vanish", "WrongLength",
            "WrongRange",
        ),
        "faults",
    ),
}  # fmt: skip

__all__ = sorted(_HOMES)  # noqa: PLE0605 - one list, so that it cannot differ from what loads


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
