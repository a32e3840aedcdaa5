"""Where a redirect may lead, and what may travel with it.

Rules:

* Only 301, 302, 303, 307 and 308 with one Location, of bounded length, lead anywhere; all of them repeat the GET or
  HEAD that was made.
* http and https lead to http and https only; https leads to http only when a digest of the whole will be checked.
* What a Location says about user and password is ignored: a server does not choose as whom we come.
* Once the origin (scheme, host, port) is another one, the caller's headers and the credentials of the URL stay behind,
  and do not come back when a later redirect returns: the way there was chosen by a stranger. A few headers that say
  nothing about the caller travel on. Credentials the caller stored for a place (``auth=``, netrc) belong to that place.
* A token in a path (``/t/TOKEN/``) stays at its origin too: a Location that takes it to another one is refused, but for
  the step from http up to https on the same host.
* A netrc entry names a host, not a scheme: after a step from https down to http it is not used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._model.errors import InvalidUrl, RedirectRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model.url import Url

STATUSES = frozenset({301, 302, 303, 307, 308})
_SCHEMES = frozenset({"http", "https"})
# names that say nothing about who asks; any other header of the caller's may be a credential (PRIVATE-TOKEN, X-Api-Key)
_HARMLESS = frozenset({"accept", "accept-language", "cache-control", "pragma", "user-agent"})
_TOKEN = re.compile(r"/t/([^/]+)")
_LONGEST = 16 * 1024  # characters of a Location: signed ones have 4,000, and every message repeats it
_TELLING = 8  # characters: what is shorter stands in other places by chance


class Route:
    """The way one exchange takes: where it began, through what it was led, where it is now.

    >>> route = Route(Url("https://h.example/a"), limit=20, insecure=False)
    >>> route.follow(302, ["/b"])
    >>> str(route.url), route.chain, route.strayed
    ('https://h.example/b', ('https://h.example/a',), False)
    """

    __slots__ = ("_insecure", "_limit", "_passed", "_tokens", "downgraded", "strayed", "url")

    def __init__(self, url: Url, *, limit: int, insecure: bool) -> None:
        self.url = url
        self.strayed = False  # it has left the origin at some time
        self.downgraded = False  # it has gone from https to http at some time
        self._limit = limit
        self._insecure = insecure
        self._passed: list[Url] = []
        self._tokens: set[str] = set()

    @property
    def chain(self) -> tuple[str, ...]:
        """What redirected us so far, in order, secrets masked."""
        return tuple([str(url) for url in self._passed]) if self._passed else ()

    def follow(self, status: int, locations: Sequence[str]) -> None:
        """Go where a redirect says. Raises RedirectRefused, with the chain, where it must not lead."""
        target = self._target(status, locations)
        here = self.url
        if target.scheme not in _SCHEMES:
            raise self._refusal(status, f"{here.scheme} may not lead to {target.scheme}")
        passed = [*self._passed, here]
        if any(_same(target, url) for url in passed):
            raise self._refusal(status, f"it leads back to `{target}`")
        if len(passed) > self._limit:
            raise self._refusal(status, f"more than {self._limit} redirects")
        if target.origin != here.origin:
            self._keep_tokens(status, here, target)
        if here.scheme == "https" and target.scheme == "http":
            if not self._insecure:
                raise self._refusal(
                    status, f"it leads from https to http, to `{target}`", hint="with a digest it would be followed"
                )
            self.downgraded = True
        self.strayed = self.strayed or target.origin != self._start.origin
        self._passed = passed
        # userinfo of ours is not in the target (Url.join drops it); it is remembered in the start
        self.url = target

    def carry(self, token: str) -> None:
        """Take note of a token that is put into the path for the wire."""
        self._tokens.add(token)

    def _keep_tokens(self, status: int, here: Url, target: Url) -> None:
        if here.host == target.host and (here.scheme, target.scheme) == ("http", "https"):
            return
        if found := _TOKEN.search(here.path):
            self._tokens.add(found[1])
        if any(_holds(target, token) for token in self._tokens):
            # the host alone: nobody knows how the rest of it is masked
            raise self._refusal(status, f"it takes a token to `{target.host}`", hint="if that is right, ask there")

    @property
    def userinfo_of(self) -> Url | None:
        """The URL whose user and password may be used now: the one asked, until its origin was left."""
        return None if self.strayed else self._start

    def travelling(self, headers: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        """Give those of the caller's headers that may be sent to where we are now."""
        if not self.strayed:
            return headers
        return [(name, value) for name, value in headers if name.lower() in _HARMLESS]

    @property
    def _start(self) -> Url:
        return self._passed[0] if self._passed else self.url

    def _target(self, status: int, locations: Sequence[str]) -> Url:
        stated = set(locations)
        if len(stated) != 1 or not (location := stated.pop()):
            reason = "it does not say where to (no Location)" if not any(stated) else "it names several places"
            raise self._refusal(status, reason)
        if len(location) > _LONGEST:
            raise self._refusal(status, f"its Location has more than {_LONGEST} characters")
        try:
            return self.url.join(_as_utf8(location)).without_userinfo()
        except (InvalidUrl, ValueError) as error:  # urljoin raises ValueError for brackets that do not match
            reason = error.reason if isinstance(error, InvalidUrl) else str(error)
            raise self._refusal(status, f"its Location is not a URL: {reason}") from error

    def _refusal(self, status: int, reason: str, *, hint: str | None = None) -> RedirectRefused:
        return RedirectRefused(reason, url=self.url, status=status, chain=self.chain, hint=hint)


def _same(one: Url, other: Url) -> bool:
    return one.target == other.target and one.origin == other.origin


def _holds(url: Url, token: str) -> bool:
    if f"/t/{token}/" in f"{url.path}/":
        return True
    return len(token) >= _TELLING and (token in url.target or token in url.decoded_path)


def _as_utf8(location: str) -> str:
    """Read a Location that holds raw UTF-8, which header fields carry as Latin-1 (RFC 9110 section 5.5)."""
    if location.isascii():
        return location
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location
