"""Driving an `httpx.Auth`: a generator that is shown responses and says what to ask next.

Rules: it sees requests of its own httpx (httpx or httpx2) without a body, and responses whose body it may read up to
64 KiB; the body of a success is not for it. Only what it does to headers reaches the wire. A request it makes to
another URL, or with a body, is not ours to send: MistakeError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._model.errors import AccessDenied, FetchError, MistakeError, ProtocolViolation
from . import _httpx

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from ..._model.exchange import Reply
    from ..._model.url import Url

READABLE = 64 * 1024
ROUNDS = 8  # a challenge is answered in one round; NTLM and Kerberos take three
# the lane says these itself
_NOT_SENT = frozenset({"host", "connection", "content-length", "transfer-encoding"})


class Dialogue:
    """One exchange as an `httpx.Auth` sees it: `begin` gives headers, `hear` the next ones, None when all is said."""

    def __init__(self, auth: Any, method: str, url: Url, headers: list[tuple[str, str]]) -> None:
        self._httpx = _httpx.of(auth)
        self._url = url
        self._rounds = 0
        try:
            self._request = self._httpx.Request(
                method,
                url.without_userinfo().reveal(),
                headers=[(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers],
            )
        except Exception as error:  # InvalidURL, and what idna says of a host that httpx looks into
            raise MistakeError(
                "httpx does not take this URL, so that no httpx.Auth can be asked",
                url=url,
                hint="(user, password) and Bearer(token) go without httpx",
            ) from error
        self._first = self._request.url
        self._flow: AsyncGenerator[Any, Any] = auth.async_auth_flow(self._request)

    async def begin(self) -> list[tuple[str, str]]:
        """Give the headers of the first request."""
        try:
            self._request = await anext(self._flow)
        except Exception as error:
            raise MistakeError(f"its httpx.Auth failed: {self._told(error)}", url=self._url) from error
        return self._headers()

    async def hear(self, reply: Reply) -> list[tuple[str, str]] | None:
        """Show it a reply. Gives the headers to ask again with, or None when the reply stands."""
        self._rounds += 1
        response = self._httpx.Response(
            reply.status,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers],
            stream=_stream(self._httpx, _beginning(reply)),
            request=self._request,
        )
        try:
            self._request = await self._flow.asend(response)
        except StopAsyncIteration:
            return None
        except FetchError:  # from reading the reply
            raise
        except Exception as error:
            # the source's, not the caller's: DigestAuth fails like this when a challenge is malformed
            raise AccessDenied(
                f"its httpx.Auth could not go on from the answer {reply.status}: {self._told(error)}",
                url=self._url,
                status=reply.status,
                hint="other credentials in auth= may do",
            ) from error
        if self._rounds >= ROUNDS:
            raise ProtocolViolation(f"it is not satisfied after {ROUNDS} rounds of authentication", url=self._url)
        return self._headers()

    async def aclose(self) -> None:
        """End the generator; it may hold a lock."""
        await self._flow.aclose()

    def _told(self, error: Exception) -> str:
        """Say what it was, with the URL masked that httpx's own errors name."""
        text = str(error).replace(self._url.without_userinfo().reveal(), str(self._url.without_userinfo()))
        return f"{type(error).__name__}: {text}"

    def _headers(self) -> list[tuple[str, str]]:
        request = self._request
        if request.url != self._first or request.method not in {"GET", "HEAD"}:
            raise MistakeError(
                "this httpx.Auth makes requests of its own, which asyncfetch does not send",
                url=self._url,
                hint="fetch the token first and give Bearer(token)",
            )
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        return [(name, value) for name, value in pairs if name.lower() not in _NOT_SENT]


async def _beginning(reply: Reply) -> AsyncIterator[bytes]:
    """Give the first bytes of a challenge or an error; of a success none, they are the caller's."""
    filled = 0
    if reply.status >= 300:
        view = memoryview(bytearray(READABLE))
        while filled < READABLE and (count := await reply.fill(view[filled:])):
            filled += count
        yield bytes(view[:filled])


def _stream(httpx: Any, parts: AsyncIterator[bytes]) -> Any:
    class Stream(httpx.AsyncByteStream):  # type: ignore[misc]  # of the httpx whose Auth is driven
        def __aiter__(self) -> AsyncIterator[bytes]:
            return parts

    return Stream()
