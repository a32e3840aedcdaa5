"""Who we are to an ftp server: what the URL says, else ``auth=``, else netrc, else anonymous.

Rules: a prefix in ``auth=`` belongs to scheme, host, port and whole path segments, never to a string prefix. netrc
counts for exactly the host it names: its ``default`` entry would be shown to anyone. A URL that names a user and no
password gets the password that ``auth=`` or netrc hold for that very user.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, NamedTuple

from ..._model.errors import InvalidUrl, MistakeError
from ..._model.url import Url
from .paths import checked, wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_log = logging.getLogger("asyncfetch")


class Login(NamedTuple):
    """User and password as the server is told them."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Login(***)"


ANONYMOUS = Login("anonymous", "anonymous@")  # RFC 1635: an address as password; ours is nobody's


class Credentials:
    """The credentials one client knows for ftp. ``env`` is empty where the environment is not trusted.

    Raises MistakeError for a prefix or a value of ``auth`` that cannot be meant.
    """

    def __init__(self, auth: Mapping[str, Any] | None, env: Mapping[str, str], encoding: str) -> None:
        places = [_place(prefix, value) for prefix, value in (auth or {}).items()]
        self._places = sorted((place for place in places if place), key=lambda place: -len(place[1]))
        self._env = env
        self._encoding = encoding
        self._netrc: dict[str, Login] | None = None

    def of(self, url: Url) -> Login:
        """Give user and password for a URL. Raises InvalidUrl when they could smuggle a command."""
        user, password = url.user, url.password
        if not user or password is None:
            known = self._known(url)
            if known is not None and (not user or user == known.user):
                user, password = known
            elif not user:
                user, password = ANONYMOUS
        return Login(self._sent(url, "user", user), self._sent(url, "password", password or ""))

    def _sent(self, url: Url, what: str, text: str) -> str:
        # as it is sent: in some encodings another character becomes a line end
        return checked(url, what, wire(text.encode("utf-8", "surrogateescape"), self._encoding))

    def _known(self, url: Url) -> Login | None:
        segments, asked = _segments(url), _origin(url)
        for origin, prefix, login in self._places:
            if origin == asked and ".." not in segments and segments[: len(prefix)] == prefix:
                return login
        if self._netrc is None:
            self._netrc = _read_netrc(self._env)
        return self._netrc.get(url.host)


def _place(prefix: str, value: object) -> tuple[tuple[str, str, int | None], tuple[str, ...], Login] | None:
    try:
        url = Url.of(prefix)
    except InvalidUrl as error:
        raise MistakeError(f"auth= is a mapping from URL prefix to credentials; {error}") from error
    if url.scheme not in {"ftp", "ftps"}:
        return None  # another transport's
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
        segments = _segments(url)
        return _origin(url), segments[:-1] if segments[-1] == "" else segments, Login(*value)
    raise MistakeError(f"the credentials for `{url}` are (user, password), not {type(value).__name__}")


def _origin(url: Url) -> tuple[str, str, int | None]:
    """Give scheme, host and port, the port of ftp by name: `ftp://h` and `ftp://h:21` are one server."""
    scheme, host, port = url.origin
    return scheme, host, 21 if scheme == "ftp" and port is None else port


def _segments(url: Url) -> tuple[str, ...]:
    return tuple(url.decoded_path.removeprefix("/").split("/"))


def _read_netrc(env: Mapping[str, str]) -> dict[str, Login]:
    from netrc import NetrcParseError, netrc

    home = env.get("HOME") or env.get("USERPROFILE")
    homes = [os.path.join(home, name) for name in (".netrc", "_netrc")] if home else []
    path = env.get("NETRC") or next((path for path in homes if os.path.exists(path)), None)
    if path is None:
        return {}
    try:
        entries = netrc(path).hosts.items()
    except (OSError, UnicodeError, NetrcParseError) as error:
        # not the exception's own text: it can quote the token it stumbled over, which may be the password
        why = getattr(error, "strerror", None) or type(error).__name__
        _log.warning("the netrc file %s cannot be read: %s; no credentials are taken from it", path, why)
        return {}
    return {host.lower(): Login(user or "", word or "") for host, (user, _, word) in entries if host != "default"}
