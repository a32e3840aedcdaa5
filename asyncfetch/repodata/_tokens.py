"""Tokens by origin: those the caller gives, else those that anaconda-client keeps.

A token belongs to scheme, host and port, compared as such: never to whatever URL begins with the same letters. What
cannot be read of the store counts as not there, since most people have none.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from .._model.errors import FetchError, MistakeError
from .._model.url import Url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Origin = tuple[str, str, int | None]

_TOKEN = re.compile(r"[A-Za-z0-9._~\-]+\Z")
_MOST = 4096  # bytes of a token file
_SUFFIX = ".token"
# who logs in to the site fetches from the other
_ALSO = {("https", "api.anaconda.org", 443): ("https", "conda.anaconda.org", 443)}


def given(tokens: Mapping[str, str]) -> dict[Origin, str]:
    """Take tokens by site as a caller gives them. Raises InvalidUrl and MistakeError; no message shows a token."""
    by_origin = {}
    for site, token in tokens.items():
        value: object = token
        if not isinstance(value, str) or not _TOKEN.match(value):
            raise MistakeError("a token is letters, digits and `._~-`", url=Url.of(site))
        by_origin[Url.of(site).origin] = value
    return by_origin


def stored(env: Mapping[str, str]) -> dict[Origin, str]:
    """Read the tokens that anaconda-client keeps. Blocking."""
    by_origin: dict[Origin, str] = {}
    for folder in _folders(env):
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX):
                    _read(entry.path, entry.name, by_origin)
    for site, other in _ALSO.items():
        if site in by_origin:
            by_origin.setdefault(other, by_origin[site])
    return by_origin


def _read(path: str, name: str, into: dict[Origin, str]) -> None:
    with suppress(OSError, UnicodeDecodeError, FetchError), open(path, "rb") as file:
        token = file.read(_MOST).decode("ascii").strip()
        if _TOKEN.match(token):
            into.setdefault(Url(unquote_plus(name.removesuffix(_SUFFIX))).origin, token)


def _folders(env: Mapping[str, str]) -> Iterator[str]:
    own = env.get("BINSTAR_CONFIG_DIR")
    if own:
        yield os.path.join(own, "data")
        return
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        yield os.path.join(env.get("LOCALAPPDATA") or home, "ContinuumIO", "binstar")
    elif sys.platform == "darwin":
        yield os.path.join(home, "Library", "Application Support", "binstar")
    else:
        yield os.path.join(env.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "binstar")
