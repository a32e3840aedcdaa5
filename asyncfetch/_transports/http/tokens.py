"""Tokens of conda channels, as `anaconda login` stores them: into the path, ``/t/TOKEN/``, of one site's URLs.

The folder is ``$BINSTAR_CONFIG_DIR/data``, else the user's own of `binstar`; in it a file a site, named
``quote_plus(url) + ".token"``. A token stored for https://api.anaconda.org is that of https://conda.anaconda.org too.

Rules: a site is scheme, host, port and whole path segments, compared as parsed. A URL that holds a token keeps it. The
token is put in for the wire only: no URL that is shown, kept or compared has it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, unquote_plus

from ..._model.errors import InvalidUrl
from ..._model.url import Url

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("asyncfetch")
_TOKEN = re.compile(r"[A-Za-z0-9._~\-]+\Z")
_LONGEST = 4096  # characters
_API, _CHANNELS = "https://api.anaconda.org", "https://conda.anaconda.org"


class Site(NamedTuple):
    """A site and the token for it."""

    origin: tuple[str, str, int | None]
    segments: tuple[str, ...]
    token: str

    def __repr__(self) -> str:
        return f"Site({self.origin!r}, {self.segments!r}, ***)"


def with_token(url: Url, sites: list[Site]) -> tuple[Url, str] | None:
    """Give the URL with the token of its site in its path, and the token; None where there is none to put in."""
    if url.scheme not in {"http", "https"} or "/t/" in url.path:
        return None
    parts = url.path.split("/")[1:]
    decoded = tuple([unquote(part, errors="surrogateescape") for part in parts])
    if any(part in {".", ".."} or "/" in part or "\\" in part for part in decoded):
        return None  # it could be read as another place
    for site in sites:
        count = len(site.segments)
        if site.origin == url.origin and decoded[:count] == site.segments:
            path = "/".join(["", *parts[:count], "t", site.token, *parts[count:]])
            tail = "" if url.query is None else f"?{url.query}"
            return Url(f"{url.scheme}://{url.authority}{path}{tail}"), site.token
    return None


def read_sites(env: Mapping[str, str]) -> list[Site]:
    """Read the store, longest path first; it blocks for as long as the disk does. ``env`` empty: nothing is read."""
    found: dict[str, str] = {}
    folder = _folder(env)
    if folder is None:
        return []
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".token"))
    except OSError:
        return []
    for name in names:
        token = _read(os.path.join(folder, name))
        if token is not None:
            found[unquote_plus(name.removesuffix(".token")).rstrip("/")] = token
    if _API in found:
        found.setdefault(_CHANNELS, found[_API])
    sites = [one for url, token in found.items() if (one := site(url, token)) is not None]
    return sorted(sites, key=lambda one: -len(one.segments))


def site(text: str, token: str) -> Site | None:
    """Take a URL for the site of a token; None for what cannot be one."""
    try:
        url = Url(text)
    except InvalidUrl:
        return None
    if url.scheme not in {"http", "https"} or url.userinfo is not None or url.query is not None:
        return None
    parts = [unquote(part, errors="surrogateescape") for part in url.path.strip("/").split("/") if part]
    return None if any(part in {".", ".."} or "/" in part for part in parts) else Site(url.origin, tuple(parts), token)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            token = file.read(_LONGEST).strip()
    except (OSError, UnicodeError) as error:
        _log.warning("the token file %s cannot be read: %s", path, getattr(error, "strerror", None) or "not ASCII")
        return None
    if _TOKEN.match(token):
        return token
    _log.warning("the token file %s holds no token", path)
    return None


def _folder(env: Mapping[str, str]) -> str | None:
    stated = env.get("BINSTAR_CONFIG_DIR")
    if stated:
        return os.path.join(stated, "data")
    home = env.get("HOME") or env.get("USERPROFILE")
    if sys.platform == "win32":
        local = env.get("LOCALAPPDATA")
        return os.path.join(local, "ContinuumIO", "binstar") if local else None
    if not home:
        return None
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "binstar")
    return os.path.join(env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "binstar")
