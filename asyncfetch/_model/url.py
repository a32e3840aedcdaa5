"""Url: parsed once, cannot print its secrets.

Rules: ``str(url)`` and ``repr(url)`` are masked; only ``reveal()`` gives the whole text, and only a transport calls it.
Equality and hash are over the whole text. Userinfo, path and query are kept percent-encoded; ``user``, ``password``,
``decoded_path`` and ``name`` are decoded. The fragment is no part of what is fetched (RFC 3986 section 3.5): dropped.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

from .errors import InvalidUrl

MASK = "***"

# RFC 3986 appendix B, with a scheme required
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?\Z", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_HOST = re.compile(r"[a-z0-9]([a-z0-9._\-]*[a-z0-9._])?\Z")
_PLAIN = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*\Z")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE = "-._~!$&'()*+,;=:@/?%"
_TOKEN_IN_PATH = re.compile(r"(/t/)[^/]+")
_SECRET_PARAMETER = re.compile(
    r"x-amz-.*|x-goog-.*|.*sig(nature)?|.*token.*|.*secret.*|.*passw(or)?d.*|pwd|.*api[-_]?key.*|.*access[-_]?key.*|key"
    r"|auth.*|.*credential.*|key-pair-id|policy|jwt|session.*|se|sp|sv|hmac|hdnts",
    re.IGNORECASE,
)
DEFAULT_PORTS = {"http": 80, "https": 443}


class Url:
    """A URL (RFC 3986) that masks its secrets whenever it is shown.

    Raises InvalidUrl for text that is no URL, or that holds control characters (CR, LF and NUL would be commands).
    An internationalised host becomes its ASCII form (IDNA 2008); an S3 bucket keeps its case.

    >>> str(Url("https://me:pw@h.example/t/tk-1/x?X-Amz-Signature=abc"))
    'https://***@h.example/t/***/x?X-Amz-Signature=***'
    """

    _text: str
    scheme: str
    userinfo: str | None
    host: str
    port: int | None
    path: str
    query: str | None

    def __init__(self, text: str) -> None:
        match = _PARTS.match(text)
        if match is None or _CONTROL.search(text):
            raise InvalidUrl(_why_not(text), url=_mask_text(text))
        scheme, authority, path, query = match.groups()
        set_ = self.__dict__
        set_["scheme"] = scheme = scheme.lower()
        if authority is None:
            if scheme != "file" or not path.startswith("/"):  # file:/path is the short form of RFC 8089 section 2
                raise InvalidUrl("`//` and a host are missing after the scheme", url=_mask_text(text))
            authority = ""
        if "\\" in authority:
            raise InvalidUrl("a backslash in the host, which not all read alike", url=_mask_text(text))
        userinfo, at, place = authority.rpartition("@")
        set_["userinfo"] = _encode(userinfo) if at else None
        set_["host"], set_["port"] = _host_and_port(scheme, place, text)
        set_["path"] = path = _encode(path) or ("/" if scheme in DEFAULT_PORTS else "")
        set_["query"] = query = None if query is None else _encode(query)
        set_["_text"] = f"{scheme}://{self._authority(secrets=True)}{path}{'' if query is None else '?' + query}"

    @classmethod
    def of(cls, what: str | Url) -> Url:
        """Parse a string; give a Url back as it is."""
        if isinstance(what, cls):
            return what
        if not isinstance(what, str):
            raise InvalidUrl(f"a URL is a string, not {type(what).__name__}", url=type(what).__name__)
        return cls(what)

    def _authority(self, *, secrets: bool) -> str:
        who = "" if self.userinfo is None else (self.userinfo if secrets else MASK) + "@"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return who + host + (f":{self.port}" if self.port is not None else "")

    def reveal(self) -> str:
        """Give the whole text, secrets included: for the wire, never for people."""
        return self._text

    @cached_property
    def _masked(self) -> str:
        path = _TOKEN_IN_PATH.sub(rf"\1{MASK}", self.path)
        query = "" if self.query is None else "?" + _mask_query(self.query)
        return f"{self.scheme}://{self._authority(secrets=False)}{path}{query}"

    @property
    def user(self) -> str | None:
        """The user of the userinfo, decoded."""
        return None if self.userinfo is None else unquote(self.userinfo.partition(":")[0])

    @property
    def password(self) -> str | None:
        """The password of the userinfo, decoded; None when there is none."""
        if self.userinfo is None:
            return None
        _, colon, password = self.userinfo.partition(":")
        return unquote(password) if colon else None

    @cached_property
    def origin(self) -> tuple[str, str, int | None]:
        """Scheme, host and port (RFC 6454), the port by default of the scheme."""
        return self.scheme, self.host, self.port if self.port is not None else DEFAULT_PORTS.get(self.scheme)

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them (RFC 9110 section 7.2): no userinfo, no default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None or self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """Path and query: the origin-form of an HTTP request target (RFC 9112 section 3.2.1)."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def decoded_path(self) -> str:
        """The path, percent-decoded; bytes that are not UTF-8 become surrogates, as in file names."""
        return unquote(self.path, errors="surrogateescape")

    @property
    def name(self) -> str:
        """The last path segment, percent-decoded, without query."""
        return unquote(self.path.rpartition("/")[2], errors="surrogateescape")

    def join(self, reference: str) -> Url:
        """Resolve a reference against this URL (RFC 3986 section 5.2); the fragment and our userinfo do not travel."""
        from urllib.parse import urljoin

        base = f"{self.scheme}://{self.authority}{self.target}"
        if _CONTROL.search(reference):
            raise InvalidUrl("a control character in a URL reference", url=_mask_text(reference))
        return Url(urljoin(base, reference))

    def without_userinfo(self) -> Url:
        """Give the same URL without user and password."""
        if self.userinfo is None:
            return self
        return Url(f"{self.scheme}://{self._text.partition('@')[2]}")

    def __str__(self) -> str:
        return self._masked

    def __repr__(self) -> str:
        return f"Url({self._masked!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Url is immutable, cannot set {name}")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Url):
            return self._text == other._text
        return self._text == other if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[Any, ...]:
        return Url, (self._text,)


def _encode(part: str) -> str:
    if _PLAIN.match(part):
        return part
    return quote(_BARE_PERCENT.sub("%25", part), safe=_SAFE, errors="surrogateescape")


def _host_and_port(scheme: str, place: str, text: str) -> tuple[str, int | None]:
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidUrl("the brackets of an IPv6 address do not match", url=_mask_text(text))
        port_text = rest[1:]
        host = _ipv6(host, text)
    else:
        host, _, port_text = place.partition(":")
        if scheme != "s3":
            host = host.lower()
            if not _PLAIN_HOST.match(host) and host:
                host = _idna(host, text)
        elif not re.fullmatch(r"[A-Za-z0-9._\-]+", host):
            raise InvalidUrl("not the name of a bucket", url=_mask_text(text))
    if not host and scheme != "file":
        raise InvalidUrl("the host is missing", url=_mask_text(text))
    if not port_text:
        return host, None
    if not (port_text.isascii() and port_text.isdigit() and 0 < int(port_text) < 65536):
        raise InvalidUrl("the port is not a number from 1 to 65535", url=_mask_text(text))
    return host, int(port_text)


def _ipv6(host: str, text: str) -> str:
    from ipaddress import IPv6Address

    try:
        return str(IPv6Address(unquote(host)))
    except ValueError as error:
        raise InvalidUrl("not an IPv6 address between the brackets", url=_mask_text(text)) from error


def _idna(host: str, text: str) -> str:
    import idna

    try:
        return idna.encode(unquote(host, errors="strict"), uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidUrl("the host is neither a name nor an address", url=_mask_text(text)) from error


def _why_not(text: str) -> str:
    if _CONTROL.search(text):
        return "it holds a control character"
    if "://" not in text:
        return "the scheme is missing; a path is written file:///path"
    return "it is not of the form scheme://host/path"


def _mask_query(query: str) -> str:
    if "=" not in query:
        return query
    parts = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        secret = equals and _SECRET_PARAMETER.fullmatch(unquote(name))
        parts.append(f"{name}={MASK}" if secret else part)
    return "&".join(parts)


def _mask_text(text: str) -> str:
    """Mask what may be secret in text that did not parse; control characters are shown escaped."""
    shown = text.encode("unicode_escape").decode("ascii") if _CONTROL.search(text) else text
    head, question, query = shown.partition("?")
    head = re.sub(r"(?<=//)[^/]*@", f"{MASK}@", head)
    return _TOKEN_IN_PATH.sub(rf"\1{MASK}", head) + (question and "?" + _mask_query(query))
