"""Fetch http(s), s3, ftp and file URLs: verified, resumable, whole or not at all.

>>> import asyncfetch
>>> async def main():
...     async with asyncfetch.Client() as client:
...         result = await client.fetch("https://h.example/p.conda", "pkgs/", digest="sha256:...")

``asyncfetch.sync`` is the same for code that cannot await, ``asyncfetch.integrations`` for programs that have httpx or
requests, ``asyncfetch.repodata`` for conda's metadata, ``asyncfetch.testing`` for tests. Every error is a FetchError.
"""

from __future__ import annotations

from ._version import __version__ as __version__

TYPE_CHECKING = False  # type checkers take it for True, by its name; importing typing for it would cost 5 ms
if TYPE_CHECKING:
    from typing import Any

    from ._client import (
        Client as Client,
    )
    from ._model.digest import (
        Digest as Digest,
    )
    from ._model.errors import (
        AccessDenied as AccessDenied,
        Attempt as Attempt,
        Busy as Busy,
        ConnectFailed as ConnectFailed,
        DestinationBusy as DestinationBusy,
        DigestMismatch as DigestMismatch,
        FetchError as FetchError,
        Interrupted as Interrupted,
        InvalidUrl as InvalidUrl,
        LocalError as LocalError,
        MistakeError as MistakeError,
        NoSpace as NoSpace,
        NotFound as NotFound,
        NotWritable as NotWritable,
        Offline as Offline,
        ProtocolViolation as ProtocolViolation,
        RangeRefused as RangeRefused,
        RedirectRefused as RedirectRefused,
        SizeMismatch as SizeMismatch,
        SourceError as SourceError,
        Stalled as Stalled,
        TimedOut as TimedOut,
        TooLarge as TooLarge,
        TransientError as TransientError,
        UnsupportedScheme as UnsupportedScheme,
        Untrusted as Untrusted,
        Verdict as Verdict,
    )
    from ._model.events import (
        Advanced as Advanced,
        Event as Event,
        Failed as Failed,
        Finished as Finished,
        Retrying as Retrying,
        Started as Started,
    )
    from ._model.exchange import (
        Answer as Answer,
        Body as Body,
        Entry as Entry,
        Request as Request,
        Stat as Stat,
        Timings as Timings,
        Validator as Validator,
    )
    from ._model.fetch import (
        Fetch as Fetch,
        Result as Result,
    )
    from ._model.ports import (
        Transport as Transport,
    )
    from ._model.settings import (
        S3 as S3,
        Bearer as Bearer,
        Ftp as Ftp,
        Keyring as Keyring,
        Limits as Limits,
        Proxies as Proxies,
        Retry as Retry,
        Settings as Settings,
        Timeouts as Timeouts,
        Trust as Trust,
    )
    from ._model.url import (
        Url as Url,
    )
    from ._once import (
        fetch as fetch,
        fetch_all as fetch_all,
        read as read,
    )

# name -> where it lives, loaded on first use, so that importing the package costs nothing; what is above is for type
# checkers only
_HOMES = {
    "AccessDenied": "_model.errors",
    "Advanced": "_model.events",
    "Answer": "_model.exchange",
    "Attempt": "_model.errors",
    "Bearer": "_model.settings",
    "Body": "_model.exchange",
    "Busy": "_model.errors",
    "Client": "_client",
    "ConnectFailed": "_model.errors",
    "DestinationBusy": "_model.errors",
    "Digest": "_model.digest",
    "DigestMismatch": "_model.errors",
    "Entry": "_model.exchange",
    "Event": "_model.events",
    "Failed": "_model.events",
    "Fetch": "_model.fetch",
    "FetchError": "_model.errors",
    "Finished": "_model.events",
    "Ftp": "_model.settings",
    "Interrupted": "_model.errors",
    "InvalidUrl": "_model.errors",
    "Keyring": "_model.settings",
    "Limits": "_model.settings",
    "LocalError": "_model.errors",
    "MistakeError": "_model.errors",
    "NoSpace": "_model.errors",
    "NotFound": "_model.errors",
    "NotWritable": "_model.errors",
    "Offline": "_model.errors",
    "ProtocolViolation": "_model.errors",
    "Proxies": "_model.settings",
    "RangeRefused": "_model.errors",
    "RedirectRefused": "_model.errors",
    "Request": "_model.exchange",
    "Result": "_model.fetch",
    "Retry": "_model.settings",
    "Retrying": "_model.events",
    "S3": "_model.settings",
    "Settings": "_model.settings",
    "SizeMismatch": "_model.errors",
    "SourceError": "_model.errors",
    "Stalled": "_model.errors",
    "Started": "_model.events",
    "Stat": "_model.exchange",
    "TimedOut": "_model.errors",
    "Timeouts": "_model.settings",
    "Timings": "_model.exchange",
    "TooLarge": "_model.errors",
    "TransientError": "_model.errors",
    "Transport": "_model.ports",
    "Trust": "_model.settings",
    "UnsupportedScheme": "_model.errors",
    "Untrusted": "_model.errors",
    "Url": "_model.url",
    "Validator": "_model.exchange",
    "Verdict": "_model.errors",
    "fetch": "_once",
    "fetch_all": "_once",
    "read": "_once",
}

__all__ = sorted(["__version__", *_HOMES])  # noqa: PLE0605 - one list, so that it cannot differ from what loads


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
