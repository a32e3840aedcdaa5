"""Url: parsed once, cannot print its secrets.

Rules: ``str(url)`` and ``repr(url)`` are masked; only ``reveal()`` gives the whole text, and only a transport calls it.
Equality and hash are over the whole text. Userinfo, path and query are kept percent-encoded; ``user``, ``password``,
``decoded_path`` and ``name`` are decoded. The fragment is no part of what is fetched (RFC 3986 section 3.5): dropped.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

from .errors import InvalidUrl
from .masking import MASK, mask_path, mask_query, mask_text

# RFC 3986 appendix B: scheme, authority, path, query, and a fragment that is dropped
_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?\Z", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# halves of surrogate pairs too; those from dc80 to dcff stand for bytes that are not UTF-8 (PEP 383)
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\ud800-\udc7f\udd00-\udfff]")
_PLAIN_HOST = re.compile(r"[a-z0-9]([a-z0-9._\-]*[a-z0-9._])?\Z")
_ZONE = re.compile(r"[A-Za-z0-9._~\-]+\Z")  # RFC 6874 section 2, without its percent-encoding
_PORT = re.compile(r"0{0,9}[1-9][0-9]{0,4}\Z")
_PLAIN = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*\Z")
# what mostly follows a place that is known, and is its own normal form: nothing to encode
_COMMON_PATH = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*\Z")
_PLACES = 1024  # remembered at most
_places: dict[str, tuple[str, str, int | None, tuple[str, str, int | None]]] = {}  # "http://h:80" -> what it says
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE = "-._~!$&'()*+,;=:@/?%"
DEFAULT_PORTS = {"http": 80, "https": 443}
# without a host these name nothing; who serves another scheme decides what its host means, if anything
_NEED_HOST = {"http", "https", "s3", "ftp", "ftps"}


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
    origin: tuple[str, str, int | None]  # scheme, host and port (RFC 6454), the port by default of the scheme

    def __init__(self, text: str) -> None:
        set_ = self.__dict__
        start = text.find("/", len("https://"))
        known = _places.get(text[:start])
        if known is not None and _COMMON_PATH.match(text, start):
            set_["scheme"], set_["host"], set_["port"], set_["origin"] = known
            set_["userinfo"] = set_["query"] = None
            set_["path"] = text[start:]
            set_["_text"] = text
            if "%" not in text and "/t/" not in text:  # nothing to mask
                set_["_masked"] = text
            return
        match = _PARTS.match(text)
        assert match is not None  # every text is a reference
        scheme, authority, path, query = match.groups()
        if scheme is None or _FORBIDDEN.search(text):
            raise InvalidUrl(_why_not(text), url=mask_text(text))
        set_["scheme"] = scheme = scheme.lower()
        if authority is None:
            if scheme != "file" or not path.startswith("/"):  # file:/path is the short form of RFC 8089 section 2
                raise InvalidUrl("`//` and a host are missing after the scheme", url=mask_text(text))
            authority = ""
        if "\\" in authority:
            raise InvalidUrl("a backslash in the host, which not all read alike", url=mask_text(text))
        userinfo, at, place = authority.rpartition("@")
        set_["userinfo"] = _encode(userinfo).replace("@", "%40") if at else None
        set_["host"], set_["port"] = host, port = _host_and_port(scheme, place, text)
        set_["origin"] = (scheme, host, DEFAULT_PORTS.get(scheme) if port is None else port)
        set_["path"] = path = _encode(path) or ("/" if scheme in DEFAULT_PORTS else "")
        set_["query"] = query = None if query is None else _encode(query)
        set_["_text"] = f"{scheme}://{self._authority(secrets=True)}{path}{'' if query is None else '?' + query}"
        if scheme in DEFAULT_PORTS and userinfo == at == "":
            if len(_places) >= _PLACES:
                _places.clear()
            _places[f"{scheme}://{self._place}"] = (scheme, host, port, self.origin)

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
        return f"{who}{self._place}"

    @property
    def _place(self) -> str:
        """Host and port as they stand in the text."""
        host = self.host
        if ":" in host:
            host = f"[{host.replace('%', '%25')}]"
        return host if self.port is None else f"{host}:{self.port}"

    def reveal(self) -> str:
        """Give the whole text, secrets included: for the wire, never for people."""
        return self._text

    def _mask(self) -> str:
        path, query = self.path, self.query
        if self.userinfo is None and query is None and "/t/" not in path and "%" not in path:
            masked = self._text  # nothing to mask
        else:
            tail = "" if query is None else "?" + mask_query(query)
            shown = path if self.scheme == "file" else mask_path(path)  # a folder named `t` holds no token
            masked = f"{self.scheme}://{self._authority(secrets=False)}{shown}{tail}"
        self.__dict__["_masked"] = masked
        return masked

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

    @property
    def authority(self) -> str:
        """Host and port as a Host header has them (RFC 9110 section 7.2): no userinfo, no default port.

        An IPv6 zone means something on this machine only and stays here (RFC 6874 section 4).
        """
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
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
        """Resolve a reference against this URL (RFC 3986 section 5.2); the fragment and our userinfo do not travel.

        Our own scheme without ``//`` after it counts as none (section 5.2.2, for old references). Raises InvalidUrl.

        >>> Url("https://h.example/a/b?c").join("../d")
        Url('https://h.example/d')
        """
        match = _PARTS.match(reference)
        assert match is not None  # every text is a reference
        scheme, authority, path, query = match.groups()
        if authority is None:
            if scheme is not None and scheme.lower() != self.scheme:
                return Url(reference)
            authority = self._place
            if path and not path.startswith("/"):
                path = f"{self.path.rpartition('/')[0]}/{path}"
            if not path and query is None:
                query = self.query
            path = _without_dots(path) if path else self.path
        else:
            path = _without_dots(path)
        tail = "" if query is None else f"?{query}"
        return Url(f"{scheme or self.scheme}://{authority}{path}{tail}")

    def without_userinfo(self) -> Url:
        """Give the same URL without user and password."""
        if self.userinfo is None:
            return self
        return Url(f"{self.scheme}://{self._text.partition('@')[2]}")

    def __str__(self) -> str:
        masked: str | None = self.__dict__.get("_masked")
        return self._mask() if masked is None else masked

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Url is immutable, cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Url is immutable, cannot delete {name}")

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
            raise InvalidUrl("the brackets of an IPv6 address do not match", url=mask_text(text))
        port_text = rest[1:]
        host = _ipv6(host, text)
    else:
        host, _, port_text = place.partition(":")
        if scheme != "s3":
            host = host.lower()
            if not _PLAIN_HOST.match(host) and host:
                host = _idna(host, text)
        elif not re.fullmatch(r"[A-Za-z0-9._\-]+", host):
            raise InvalidUrl("not the name of a bucket", url=mask_text(text))
    if not host and (scheme in _NEED_HOST or place):
        raise InvalidUrl("the host is missing", url=mask_text(text))
    if not port_text:
        return host, None
    if not _PORT.match(port_text) or int(port_text) > 65535:
        raise InvalidUrl("the port is not a number from 1 to 65535", url=mask_text(text))
    return host, int(port_text)


def _ipv6(host: str, text: str) -> str:
    from ipaddress import IPv6Address

    # a zone follows "%25" (RFC 6874), or a bare "%" as people write it; it is never decoded, as it could hold CR and LF
    address, mark, zone = host.partition("%25" if "%25" in host else "%")
    if mark and not _ZONE.match(zone):
        raise InvalidUrl("not the zone of an IPv6 address after the `%`", url=mask_text(text))
    try:
        return f"{IPv6Address(address)}{mark and '%'}{zone}"
    except ValueError as error:
        raise InvalidUrl("not an IPv6 address between the brackets", url=mask_text(text)) from error


def _idna(host: str, text: str) -> str:
    import idna

    try:
        return idna.encode(unquote(host, errors="strict"), uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidUrl("the host is neither a name nor an address", url=mask_text(text)) from error


def _without_dots(path: str) -> str:
    """Remove the segments ``.`` and ``..`` (RFC 3986 section 5.2.4)."""
    if "." not in path:
        return path
    segments = path.split("/")
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[max(1, len(kept) - 1) :]  # the first one is the empty text before the first slash
        elif segment != ".":
            kept.append(segment)
    return "/".join([*kept, ""] if segments[-1] in {".", ".."} else kept)


def _why_not(text: str) -> str:
    if _CONTROL.search(text):
        return "it holds a control character"
    if _FORBIDDEN.search(text):
        return "it holds half of a surrogate pair, which is no character"
    if "://" not in text:
        return "the scheme is missing; write https://host/path, or file:///path for a path"
    return "it is not of the form scheme://host/path"
