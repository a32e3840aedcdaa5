"""Where an index says that shards and packages are: a folder, relative to the index or absolute (CEP 15, CEP 16).

Rules: as for redirects. An index that came over http(s) leads to http(s) only, one that came over https to https, or to
http for shards whose hash is verified. A server does not choose as whom we come: user and password in what it says are
dropped, and ours travel only within the origin. A token goes where it belongs (`_tokens`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._model.errors import InvalidUrl, ProtocolViolation, RedirectRefused
from ..._model.url import Url
from .._tokens import with_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..._transports.http.tokens import Site

_WEB = ("http", "https")


def folder(index: Url, reference: str, tokens: Sequence[Site], *, insecure: bool = False) -> Url:
    """Resolve the folder an index names; its path ends in a slash. ``insecure``: https may lead to http.

    Raises ProtocolViolation for what is no URL, RedirectRefused for what must not be led to.

    >>> folder(Url("https://h.example/c/linux-64/repodata_shards.msgpack.zst"), "../shards", [])
    Url('https://h.example/c/shards/')
    """
    try:
        found = index.join(reference or ".").without_userinfo()
    except (InvalidUrl, ValueError) as error:
        raise ProtocolViolation(f"it names a folder that is no URL: {error}", url=index) from error
    if found.query is not None:
        raise ProtocolViolation("it names a folder with a query", url=index)
    _admit(index, found, insecure=insecure)
    who = index.userinfo if found.origin == index.origin else None
    before, _, rest = found.reveal().rstrip("/").partition("://")
    return with_token(Url(f"{before}://{'' if who is None else who + '@'}{rest}/"), tokens)


def _admit(index: Url, found: Url, *, insecure: bool) -> None:
    if found.scheme == index.scheme or (index.scheme, found.scheme) == _WEB:
        return
    if index.scheme == "https" and found.scheme == "http" and insecure:
        return
    raise RedirectRefused(f"its index may not lead from {index.scheme} to `{found}`", url=index)
