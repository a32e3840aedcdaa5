"""Which credentials go with a request, and how an `httpx.Auth` is driven.

Rules:

* Order: an Authorization header of the caller's; ``auth=``, the longest prefix first; the URL's userinfo; netrc; the
  token store. A `Keyring` in ``auth=`` comes last: it is asked when what was sent, or nothing, was answered with 401,
  while the exchange has not left the origin it began at.
* A prefix is scheme, host, port and whole path segments, compared as such after dot segments and percent-encoding are
  resolved, so that neither `https://h.example.evil.test/` nor `/private/../other` gets what belongs to
  `https://h.example/private`. A path that could be read in two ways (an encoded slash beside `..`) matches nothing.
* netrc counts for exactly the host it names. Its ``default`` entry is not used: any host a redirect names would get it.
"""

from __future__ import annotations

import base64
import logging
import os
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from ..._model.errors import InvalidUrl, MistakeError
from ..._model.settings import Bearer, Keyring
from ..._model.url import Url
from . import tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..._policy.redirects import Route
    from .keyring import Asked
    from .tokens import Site

    # the value of an Authorization header, or an httpx.Auth to drive
    Credential = str | Any

_log = logging.getLogger("asyncfetch")


class _Place(NamedTuple):
    origin: tuple[str, str, int | None]
    segments: tuple[str, ...]
    credential: Any  # Credential | Keyring; an httpx.Auth has no type of ours
    prefix: str

    def __repr__(self) -> str:
        return f"_Place({self.origin!r}, {self.segments!r}, ***)"


class Credentials:
    """The credentials one client knows, by place.

    Raises MistakeError for a prefix or a value of ``auth`` that cannot be meant.
    """

    def __init__(self, auth: Mapping[str, Any] | None, env: Mapping[str, str]) -> None:
        places = [_place(prefix, value) for prefix, value in (auth or {}).items()]
        self._places = sorted((place for place in places if place), key=lambda place: -len(place.segments))
        self._netrc_path = _netrc_path(env)
        self._netrc: dict[str, str] = {}
        self._sites: list[Site] = []
        self._env = dict(env)
        self._asked: Asked | None = None
        self.needs_loading = bool(env)  # `load` has files to look for

    @property
    def idle(self) -> bool:
        """Whether nothing is stored anywhere, so that only a URL can hold credentials."""
        return not (self._places or self._netrc or self._sites)

    def load(self) -> None:
        """Read the netrc file and the token store, once; it blocks for as long as the disk does."""
        if self._netrc_path is not None:
            self._netrc = _read_netrc(*self._netrc_path)
        self._sites = tokens.read_sites(self._env)
        self.needs_loading = False

    def of(self, route: Route) -> Credential | None:
        """Give what may be shown where the route is now: an Authorization value, an httpx.Auth, or None."""
        place = self._place_of(route.url)
        if place is not None and not isinstance(place.credential, Keyring):
            return place.credential
        if place is not None and self._asked is not None and not route.strayed:
            keyring: Keyring = place.credential
            said = self._asked.get(place.prefix, _user(keyring, route))
            if said is not None:
                return said
        asked = route.userinfo_of
        if asked is not None and asked.userinfo is not None:
            return basic(asked.user or "", asked.password or "", asked)
        if self._netrc and not route.downgraded:
            return self._netrc.get(route.url.host)
        return None

    def token_for(self, route: Route) -> tuple[Url, str] | None:
        """Give the URL to ask with the token of its site in it, and that token; None: there is none for it."""
        return tokens.with_token(route.url, self._sites) if self._sites else None

    async def after_refusal(self, route: Route) -> str | None:
        """Ask the keyring of the place, if it has one that was not asked yet; gives an Authorization value to try."""
        place = None if route.strayed else self._place_of(route.url)
        if place is None or not isinstance(place.credential, Keyring):
            return None
        from .keyring import Asked

        self._asked = self._asked or Asked()
        user = _user(place.credential, route)
        if (place.prefix, user) in self._asked:
            return None
        authority = route.url.authority
        return await self._asked.ask(place.credential, (place.prefix, authority), user, basic)

    def _place_of(self, url: Url) -> _Place | None:
        if self._places and (segments := _segments(url.path)) is not None:
            for place in self._places:
                if place.origin == url.origin and segments[: len(place.segments)] == place.segments:
                    return place
        return None


def _user(keyring: Keyring, route: Route) -> str | None:
    """Give the user to ask for: the keyring's own, else the one in the URL, which is nobody's option or command."""
    asked = route.userinfo_of
    user = keyring.user or (None if asked is None else asked.user) or None
    if user is not None and keyring.user is None and (user.startswith("-") or not user.isprintable()):
        raise MistakeError(
            "the user in the URL could be an option to the credential program, which is not asked for it",
            url=asked,
            hint="Keyring(user=...) names any user",
        )
    return user


def basic(user: str, password: str, url: Url | None = None) -> str:
    """Give the Authorization value of user and password (RFC 7617, UTF-8); ``url`` is for the error."""
    if ":" in user:
        raise MistakeError(
            "a user name with a colon cannot be sent with Basic authentication (RFC 7617)",
            url=url,
            hint="an Authorization header or an httpx.Auth of yours goes as it is",
        )
    return "Basic " + base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode("ascii")


def _place(prefix: str, value: object) -> _Place | None:
    try:
        url = Url(prefix)
    except InvalidUrl as error:
        raise MistakeError(f"auth= is a mapping from URL prefix to credentials; {error}") from error
    if url.scheme not in {"http", "https"}:
        return None  # another transport's
    segments = _segments(url.path)
    if url.userinfo is not None or url.query is not None or segments is None:
        raise MistakeError(f"the prefix `{url}` of auth= is not scheme, host, port and path alone")
    return _Place(url.origin, segments[:-1] if segments[-1] == "" else segments, _credential(url, value), url.reveal())


def _credential(url: Url, value: object) -> Credential:
    if isinstance(value, Bearer):
        if not value.token.isascii() or not value.token.isprintable() or " " in value.token:
            raise MistakeError(f"the token for `{url}` holds characters that no token has (RFC 6750)")
        return f"Bearer {value.token}"
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return basic(*value)
    if isinstance(value, Keyring) or hasattr(value, "async_auth_flow"):
        return value
    raise MistakeError(
        f"the credentials for `{url}` are (user, password), Bearer, Keyring or httpx.Auth, not {type(value).__name__}"
    )


def _segments(path: str) -> tuple[str, ...] | None:
    """Resolve a path into decoded segments; the last one is empty after a slash. None: it can be read in two ways."""
    resolved: list[str] = []
    parts = path.split("/")[1:]
    for position, part in enumerate(parts):
        segment = unquote(part, errors="surrogateescape")
        if "/" in segment or "\\" in segment:
            if ".." in segment:
                return None
            resolved.append(segment)
        elif segment in {".", ".."}:
            if segment == ".." and resolved:
                resolved.pop()
            if position == len(parts) - 1:
                resolved.append("")
        else:
            resolved.append(segment)
    return tuple(resolved)


def _netrc_path(env: Mapping[str, str]) -> tuple[str, bool] | None:
    """Give the file to read, and whether somebody asked for it by name."""
    if env.get("NETRC"):
        return env["NETRC"], True
    home = env.get("HOME") or env.get("USERPROFILE")
    if not home:
        return None
    for name in (".netrc", "_netrc"):
        path = os.path.join(home, name)
        if os.path.exists(path):
            return path, False
    return None


def _read_netrc(path: str, stated: bool) -> dict[str, str]:  # noqa: FBT001 - unpacked from what _netrc_path gives
    from netrc import NetrcParseError, netrc

    found: dict[str, str] = {}
    try:
        entries = netrc(path).hosts
        for host, (user, _, password) in entries.items():
            if host != "default":
                found[host.lower()] = basic(user or "", password or "")
    except FileNotFoundError:
        if stated:
            _log.warning("the netrc file %s, named by NETRC, does not exist", path)
    except NetrcParseError as error:
        # not the exception's own text: it can quote the token it stumbled over, which may be the password
        _log.warning(
            "the netrc file %s cannot be read beyond line %s; no credentials are taken from it", path, error.lineno
        )
        return {}
    except (OSError, UnicodeError, MistakeError) as error:
        _log.warning("the netrc file %s cannot be read: %s; no credentials are taken from it", path, _why(error))
        return {}
    return found


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)
