"""Settings: frozen, grouped, with the defaults an installer would choose.

What is left at None is taken from the environment people already have (unless ``trust_env`` is False), field by field;
an explicit value always beats it.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from .._version import __version__
from .errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from os import PathLike
    from ssl import SSLContext


def _at_least(group: object, least: float, *names: str) -> None:
    for name in names:
        value = getattr(group, name)
        if not _is_number(value) or not value >= least:  # so written, NaN is refused as well
            raise MistakeError(f"{type(group).__name__}.{name} is a number, at least {least}, not {value!r}")


def _counts(group: object, least: int, *names: str) -> None:
    for name in names:
        value = getattr(group, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise MistakeError(f"{type(group).__name__}.{name} is a whole number, at least {least}, not {value!r}")


def _shown(group: Any) -> str:
    """Show what differs from the defaults, masked where it may be secret."""
    default = type(group)()
    parts = [
        f"{one.name}={getattr(group, one.name)!r}" if one.repr else f"{one.name}=***"
        for one in fields(group)
        if getattr(group, one.name) != getattr(default, one.name)
    ]
    return f"{type(group).__name__}({', '.join(parts)})"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how patiently a source is asked again; seconds."""

    attempts: int = 5
    backoff: float = 0.5
    backoff_max: float = 30.0
    retry_after_max: float = 300.0

    __repr__ = _shown

    def __post_init__(self) -> None:
        _counts(self, 1, "attempts")
        _at_least(self, 0, "backoff", "backoff_max", "retry_after_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds: transfers at a time in all and for one host, bytes of a body in memory, bytes a second, redirects."""

    total: int = 64
    per_host: int = 16
    memory: int = 256 * 1024 * 1024
    rate: float | None = None
    connections_per_file: int = 4
    redirects: int = 20

    __repr__ = _shown

    def __post_init__(self) -> None:
        _counts(self, 1, "total", "per_host", "connections_per_file")
        _counts(self, 0, "redirects")
        _at_least(self, 0, "memory")
        if self.rate is not None:
            _at_least(self, 1, "rate")
            if self.rate == float("inf"):
                raise MistakeError("Limits.rate is a number of bytes a second; None is no limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Patience in seconds; None waits for ever. ``stall``: fewer bytes a second than, over so many seconds."""

    connect: float | None = 10.0
    read: float | None = 30.0
    total: float | None = None
    stall: tuple[float, float] | None = (1_000, 30)

    __repr__ = _shown

    def __post_init__(self) -> None:
        for name in ("connect", "read", "total"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise MistakeError(f"Timeouts.{name} is a number of seconds above 0, or None, not {value!r}")
        stall: object = self.stall  # whatever a caller gave
        if stall is not None and not (
            isinstance(stall, tuple | list) and len(stall) == 2 and all(_is_number(part) and part > 0 for part in stall)
        ):
            raise MistakeError(f"Timeouts.stall is (bytes a second, seconds), or None, not {self.stall!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom TLS trusts: the system's store (True), a CA file or folder, a context of yours, or anyone (False).

    ``client_cert`` is a PEM file, or (certificate, key) or (certificate, key, password).
    """

    verify: bool | str | PathLike[str] | SSLContext = True
    client_cert: str | PathLike[str] | tuple[str | PathLike[str], ...] | None = field(default=None, repr=False)

    __repr__ = _shown

    def __post_init__(self) -> None:
        verify: object = self.verify  # whatever a caller gave
        if not isinstance(verify, bool | str) and not hasattr(verify, "__fspath__") and not hasattr(verify, "wrap_bio"):
            raise MistakeError(f"Trust.verify is True, False, a path or an ssl.SSLContext, not {type(verify).__name__}")
        if verify == "":
            raise MistakeError("Trust.verify is an empty path; True trusts the system's own store")
        shown: object = self.client_cert
        file, *more = shown if isinstance(shown, tuple | list) and shown else [shown]
        if not all(part is None or isinstance(part, str) or hasattr(part, "__fspath__") for part in (file, *more)) or (
            more and file is None
        ):
            raise MistakeError("Trust.client_cert is a path, or (certificate, key) or (certificate, key, password)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Proxy URL for each scheme; ``no_proxy`` lists hosts reached directly. None: from the environment; "": none."""

    http: str | None = field(default=None, repr=False)
    https: str | None = field(default=None, repr=False)
    all: str | None = field(default=None, repr=False)
    no_proxy: str | Collection[str] | None = None

    __repr__ = _shown

    def __post_init__(self) -> None:
        for name in ("http", "https", "all"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):  # the value is not told, it may be secret
                raise MistakeError(f"Proxies.{name} is the URL of a proxy as str, or None, not {type(value).__name__}")
        hosts: object = self.no_proxy
        if not isinstance(hosts, str | tuple | list | set | frozenset | None) or (
            hosts and not all(isinstance(host, str) for host in hosts)
        ):
            raise MistakeError("Proxies.no_proxy is a tuple of hosts, such as ('h.example', '10.0.0.0/8')")
        if hosts is not None and not isinstance(hosts, str):
            object.__setattr__(self, "no_proxy", tuple(hosts))


@dataclass(frozen=True, slots=True, kw_only=True)
class S3:
    """Where and how s3:// is served; ``buckets`` holds the same by bucket name. None: as AWS tools find it."""

    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool | None = None
    addressing_style: str | None = None
    requester_pays: bool | None = None
    buckets: Mapping[str, S3] = field(default_factory=dict, hash=False)

    __repr__ = _shown

    def __post_init__(self) -> None:
        if self.addressing_style not in (None, "auto", "path", "virtual"):
            raise MistakeError(f"S3.addressing_style is auto, path or virtual, not {self.addressing_style!r}")
        for name in ("endpoint_url", "region", "profile"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise MistakeError(f"S3.{name} is a str, or None, not {type(value).__name__}")
        buckets: object = self.buckets
        if not hasattr(buckets, "items") or not all(isinstance(own, S3) for own in self.buckets.values()):
            raise MistakeError("S3.buckets is a mapping from the name of a bucket to an S3")

    def for_bucket(self, bucket: str) -> S3:
        """Give the settings of one bucket: its own where set, else these."""
        own = self.buckets.get(bucket)
        if own is None:
            return self
        names = ("endpoint_url", "region", "profile", "anonymous", "addressing_style", "requester_pays")
        merged: dict[str, Any] = {n: getattr(self, n) if getattr(own, n) is None else getattr(own, n) for n in names}
        return S3(**merged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ftp:
    """Encoding of FTP paths, and how TLS starts where the URL says ftps."""

    encoding: str = "utf-8"
    tls: str = "explicit"

    __repr__ = _shown

    def __post_init__(self) -> None:
        if self.tls not in ("explicit", "implicit"):
            raise MistakeError(f"Ftp.tls is explicit or implicit, not {self.tls!r}")
        try:
            codecs.lookup(self.encoding)
        except (LookupError, TypeError) as error:
            raise MistakeError(f"Ftp.encoding is the name of an encoding, not {self.encoding!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a client can be told. Values are frozen; use ``dataclasses.replace`` to vary them.

    >>> Settings(retry=Retry(attempts=2)).retry.attempts
    2
    """

    retry: Retry = Retry()
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    trust: Trust = Trust()
    proxies: Proxies = Proxies()
    s3: S3 = S3()
    ftp: Ftp = Ftp()
    offline: bool = False
    http2: bool = False
    durable: bool = False
    hard_links: bool = False  # a file:// source on the same disk gets another name in place of a copy (Linux)
    trust_env: bool = True
    user_agent: str = f"asyncfetch/{__version__}"

    __repr__ = _shown

    def __post_init__(self) -> None:
        for name, kind in _GROUPS.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise MistakeError(f"Settings.{name} is a {kind.__name__}, not {type(value).__name__}")
        _fit_for_a_header("Settings.user_agent", self.user_agent)


_GROUPS = {
    "retry": Retry, "limits": Limits, "timeouts": Timeouts, "trust": Trust, "proxies": Proxies, "s3": S3, "ftp": Ftp
}  # fmt: skip


def _fit_for_a_header(name: str, value: object) -> None:
    # CR and LF would begin a header of its own; the value is not told, it may be secret
    if not isinstance(value, str) or not value or not value.isprintable():
        raise MistakeError(f"{name} is printable text without line ends")


@dataclass(frozen=True, slots=True)
class Bearer:
    """A bearer token (RFC 6750) for ``auth=``; never shown."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        _fit_for_a_header("Bearer.token", self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """A program that knows credentials, for ``auth=``: run when the place says 401, once, and what it says remembered.

    ``command`` is followed by the service (the URL prefix, then host and port alone) and, if there is one, the user. It
    prints the password of the user; without one, user and password on two lines, or a token on one. By default it is
    the keyring of the machine: ``keyring --mode creds get SERVICE`` or ``keyring get SERVICE USER``. It may take
    ``seconds``, and reads no input.

    >>> auth = {"https://h.example/private/": Keyring(user="me")}
    """

    user: str | None = None
    command: tuple[str, ...] | None = field(default=None, repr=False)
    seconds: float = 30.0

    def __post_init__(self) -> None:
        command: object = self.command  # whatever a caller gave
        if command is not None and not (
            isinstance(command, tuple | list) and command and all(isinstance(part, str) for part in command)
        ):
            raise MistakeError("Keyring.command is a tuple of a program and its arguments")
        _at_least(self, 0, "seconds")
