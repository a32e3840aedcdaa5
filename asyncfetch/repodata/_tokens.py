"""Tokens that a caller gives, by site, put into the path of its URLs: ``/t/TOKEN/``.

A token belongs to scheme, host, port and whole path segments, compared as parsed: never to whatever URL begins with the
same letters, nor to what else is on that host. Those that anaconda-client keeps are the client's own business, where a
URL without one is asked for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._model.errors import MistakeError
from .._model.url import Url
from .._transports.http import tokens as sites

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._transports.http.tokens import Site

_TOKEN = re.compile(r"[A-Za-z0-9._~\-]+\Z")


def given(tokens: Mapping[str, str] | None) -> list[Site]:
    """Take tokens by site, the longest path first. Raises InvalidUrl and MistakeError; no message shows a token."""
    found = []
    for text, token in (tokens or {}).items():
        value: object = token
        url = Url.of(text)
        if not isinstance(value, str) or not _TOKEN.match(value):
            raise MistakeError("a token is letters, digits and `._~-`", url=url)
        site = sites.site(url.reveal(), value)
        if site is None:
            raise MistakeError("a token is for an http(s) site, without user and query", url=url)
        found.append(site)
    return sorted(found, key=lambda site: -len(site.segments))


def with_token(url: Url, tokens: Sequence[Site]) -> Url:
    """Put the token of its site into a URL that has none."""
    found = sites.with_token(url, list(tokens))
    if found is None:
        return url
    if url.userinfo is None:
        return found[0]
    scheme, _, rest = found[0].reveal().partition("://")
    return Url(f"{scheme}://{url.userinfo}@{rest}")
