"""Which proxy, if any, leads to a URL.

Rules: settings beat the environment field by field, and an empty setting means "none". In the environment the
lower-case name wins over the upper-case one, also when it is empty; HTTP_PROXY in upper case is ignored where
REQUEST_METHOD is set, because in CGI it is the client's own ``Proxy:`` header (CVE-2016-5385). ``no_proxy`` holds for
every proxy, however it was given. Nothing here reads the environment: it is an argument, empty under
``trust_env=False``.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from .._model.errors import InvalidUrl, MistakeError
from .._model.url import Url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._model.settings import Proxies

SCHEMES = ("http", "https", "socks5", "socks5h")
PROXY_CREDENTIALS = "they belong into the proxy's URL: http://user:password@host:port"
_SEPARATORS = re.compile(r"[,\s]+")
_FTP_PORTS = {"ftp": {"21"}, "ftps": {"21", "990"}}  # by default
_REMEMBERED = 1024  # origins; a client that talks to more of them merely decides anew


def proxy_for(url: Url, proxies: Proxies, env: Mapping[str, str]) -> Url | None:
    """Give the proxy that leads to the URL; None: straight there.

    Raises MistakeError when the proxy named is no URL, or of a kind that is not spoken.
    """
    name, text = _configured(url.scheme, proxies, env)
    if not text or bypasses(url, _no_proxy(proxies, env)):
        return None
    try:
        proxy = Url(text if "://" in text else f"http://{text}")
    except InvalidUrl as error:
        raise MistakeError(f"the proxy given by {name} is not a URL: {error.reason}", url=url) from error
    if proxy.scheme not in SCHEMES:
        raise MistakeError(
            f"the proxy given by {name} is `{proxy}`; proxies are reached by {', '.join(SCHEMES)}", url=url
        )
    if proxy.scheme.startswith("socks") and any(
        len(unquote_to_bytes(part)) > 255 for part in _user_and_password(proxy)
    ):
        raise MistakeError(
            f"user and password of the proxy given by {name} have at most 255 bytes each in SOCKS (RFC 1929)", url=url
        )
    return proxy


def bypasses(url: Url, no_proxy: Iterable[str]) -> bool:
    """Tell whether a list of hosts names ours: names, addresses, networks, each with or without port, or `*`.

    A name also stands for everything below it, with or without a leading dot, as curl reads it.
    """
    host, ports = url.host.rstrip("."), _FTP_PORTS.get(url.scheme) or {str(url.origin[2])}
    if url.port is not None:
        ports = {str(url.port)}
    address = _address(host)
    for entry in no_proxy:
        pattern, wanted = _split(entry)
        if wanted is not None and wanted not in ports:
            continue
        if pattern == "*":
            return True
        if address is None:
            if _names(pattern, host):
                return True
        elif _holds(pattern, address):
            return True
    return False


def _user_and_password(proxy: Url) -> tuple[str, str]:
    user, _, password = (proxy.userinfo or "").partition(":")
    return user, password


class ProxyRoutes:
    """`proxy_for` for one client, remembered by origin: settings and environment are read once."""

    def __init__(self, proxies: Proxies, env: Mapping[str, str]) -> None:
        self._proxies = proxies
        self._env = dict(env)
        self._known: dict[tuple[str, str, int | None], Url | None] = {}

    def __call__(self, url: Url) -> Url | None:
        """Give the proxy that leads to the URL; raises as `proxy_for`."""
        try:
            return self._known[url.origin]
        except KeyError:
            proxy = proxy_for(url, self._proxies, self._env)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[url.origin] = proxy
        return proxy


def _configured(scheme: str, proxies: Proxies, env: Mapping[str, str]) -> tuple[str, str | None]:
    own = {"http": proxies.http, "https": proxies.https}.get(scheme)
    if own is not None:
        return f"Proxies.{scheme}", own.strip()
    if proxies.all is not None:
        return "Proxies.all", proxies.all.strip()
    for name in ("ftp_proxy" if scheme == "ftps" else f"{scheme}_proxy", "all_proxy"):
        found, text = _variable(env, name)
        if text:
            return found, text
    return "", None


def _variable(env: Mapping[str, str], name: str) -> tuple[str, str | None]:
    text = env.get(name)
    if text is not None:
        return name, text.strip()
    upper = name.upper()
    if upper == "HTTP_PROXY" and "REQUEST_METHOD" in env:
        return upper, None
    text = env.get(upper)
    return upper, None if text is None else text.strip()


def _no_proxy(proxies: Proxies, env: Mapping[str, str]) -> list[str]:
    stated = proxies.no_proxy
    if stated is None:
        stated = _variable(env, "no_proxy")[1] or ""
    entries = (stated,) if isinstance(stated, str) else stated
    return [part for entry in entries for part in _SEPARATORS.split(entry) if part]


def _split(entry: str) -> tuple[str, str | None]:
    """Cut an entry into host or network, and port."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return (host + rest, None) if rest.startswith("/") else (host, rest[1:] or None)
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port or None
    return entry, None


def _names(pattern: str, host: str) -> bool:
    pattern = pattern.removeprefix("*").strip(".").lower()
    if not pattern.isascii():
        import idna

        try:
            pattern = idna.encode(pattern, uts46=True).decode("ascii")
        except idna.IDNAError:
            return False
    return bool(pattern) and (host == pattern or host.endswith("." + pattern))


def _holds(pattern: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        network = ip_network(pattern, strict=False)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address in network or (mapped is not None and mapped in network)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
