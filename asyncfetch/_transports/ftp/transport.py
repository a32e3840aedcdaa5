"""ftp, ftps: one file or one folder of a server, over a control connection from the pool.

An exchange is SIZE, MDTM, EPSV, (REST,) RETR. What SIZE and MDTM say is the validator: the rest of a file is asked for
only while both still agree with what is held, since REST knows no condition. A new connection adds the login.
"""

from __future__ import annotations

import os
import re
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from ..._model.errors import NotFound, RangeRefused
from ..._model.exchange import Answer, Entry, Stat, Timings, Validator
from ..trust import tls_context
from .absence import Found, refusal
from .body import FtpBody, NoBody
from .control import About
from .credentials import Credentials
from .folder import enter, lines_of
from .listing import read_facts, read_time
from .paths import below, file_path_of, path_of
from .pool import Pool
from .replies import Refused, Reply, told
from .transfer import start

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from typing import Any

    from ..._model.exchange import Body, Request
    from ..._model.settings import Settings
    from ..._model.url import Url
    from .control import Control
    from .credentials import Login
    from .transfer import Transfer


class AsyncioFtpTransport:
    """Serves ftp and ftps, on asyncio. ``auth`` maps URL prefixes to (user, password)."""

    def __init__(self, settings: Settings, auth: Mapping[str, Any] | None) -> None:
        self._settings = settings
        self._encoding = settings.ftp.encoding
        self._credentials = Credentials(auth, os.environ if settings.trust_env else {}, self._encoding)
        self._pool = Pool(settings, self._trusting)
        self._context: ssl.SSLContext | None = None
        self._making: anyio.Lock | None = None

    def __repr__(self) -> str:
        return f"<AsyncioFtpTransport {self._pool}>"

    def login(self, url: Url) -> Login:
        """Give who we are to the server of a URL."""
        return self._credentials.of(url)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Body]:
        """Make one exchange. Raises errors of the tree."""
        url, timings = request.url, Timings()
        path = file_path_of(url, self._encoding)
        login = self._credentials.of(url)
        async with self._pool.lend(url, login, timings, _asking(request, path)) as (control, about):
            validator = _validator(url, about)
            if request.unless is not None and _proves(validator, request.unless):
                yield NoBody(url, validator, timings)
                return
            answer, offset, end = _decide(request, validator)
            with told(url):
                transfer = await self._retrieve(control, path, about, offset)
            try:
                body = FtpBody(url, transfer, validator, answer=answer, offset=offset, end=end)
                body.timings = timings
                yield body
                await body.finish()
            finally:
                await transfer.aclose()

    async def stat(self, request: Request) -> Stat:
        """Tell size, time and validator. Raises errors of the tree."""
        url = request.url
        path = file_path_of(url, self._encoding)
        login = self._credentials.of(url)
        async with self._pool.lend(url, login, Timings(), _asking(request, path)) as (control, about):
            if about.size is None:
                with told(url):
                    more = await self._otherwise(control, path, about)
            else:
                more = about
        return Stat(more.size, read_time(more.modified or ""), _validator(url, more))

    async def list(self, url: Url) -> AsyncIterator[Entry]:
        """List a folder, in the order of the server. Raises errors of the tree."""
        path = path_of(url, self._encoding)
        folder = path if path == "/" else path.rstrip("/")
        login, timeouts = self._credentials.of(url), self._settings.timeouts
        async with self._pool.lend(url, login, Timings(), lambda control: enter(control, folder, timeouts)) as (
            control,
            _,
        ):
            with told(url):
                async with aclosing(lines_of(control, timeouts, self._encoding)) as lines:
                    async for line in lines:
                        there = below(url, line.name, is_folder=line.kind == "directory")
                        yield Entry(there, line.name, line.kind, line.size, line.modified)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def _retrieve(self, control: Control, path: str, about: About, offset: int) -> Transfer:
        try:
            return await start(control, f"RETR {path}", self._settings.timeouts, offset=offset)
        except Refused as error:
            if error.command != "RETR":
                raise
            known = about.size is not None
            timeouts = self._settings.timeouts
            raise await refusal(control, path, error, timeouts, wanted=Found.FILE, known=known) from error

    async def _otherwise(self, control: Control, path: str, about: About) -> About:
        """Ask in another way for what SIZE did not say."""
        if "MLST" not in control.lacks:
            reply = await control.ask(f"MLST {path}")
            if reply.code == 250:
                return _facts(reply, about)
            if reply.code in {500, 502, 504}:
                control.lacks.add("MLST")
        # what RETR says of it is clearer than what SIZE does (pure-ftpd); if it is granted, we leave
        transfer = await self._retrieve(control, path, about, 0)
        await transfer.leave()
        return about

    async def _trusting(self) -> ssl.SSLContext:
        """Give the TLS context, made in a thread at its first use."""
        self._making = self._making or anyio.Lock()
        async with self._making:
            if self._context is None:
                trust, trust_env = self._settings.trust, self._settings.trust_env
                self._context = await anyio.to_thread.run_sync(lambda: tls_context(trust, trust_env=trust_env))
        return self._context


def _asking(request: Request, path: str) -> Callable[[Control], Awaitable[About]]:
    """Give what is asked first on a connection: whether we may ask at all, then about the file."""

    async def ask(control: Control) -> About:
        if request.ready is not None:
            request.ready(request.url)
        return await control.about(path)

    return ask


def _validator(url: Url, about: About) -> Validator:
    strong = about.size is not None and about.modified is not None
    return Validator(str(url), modified=about.modified, size=about.size, strong=strong)


def _proves(ours: Validator, theirs: Validator) -> bool:
    """Tell whether both SIZE and MDTM are known to both, and the same."""
    return ours.strong and (ours.size, ours.modified) == (theirs.size, theirs.modified)


def _decide(request: Request, validator: Validator) -> tuple[Answer, int, int | None]:
    """Decide the answer, and from where to where; everything, when what is held may be of another file.

    Raises RangeRefused for an offset beyond the end, where vsftpd would send nothing and call it a success.
    """
    offset, end, size = request.offset, request.end, validator.size
    if (not offset and end is None) or (request.matching is not None and not _proves(validator, request.matching)):
        return Answer.FULL, 0, None
    if size is not None and offset > size:
        raise RangeRefused(f"byte {offset} is beyond the end: the file has {size} bytes now", url=request.url)
    return Answer.PARTIAL, offset, end


def _facts(reply: Reply, about: About) -> About:
    """Read the facts in a reply to MLST (RFC 3659 section 7.2)."""
    for line in reply.text.split("\n")[1:]:
        facts, _, name = line.strip().partition(" ")
        found = read_facts(facts, name)
        if found.kind == "directory":
            raise NotFound(f"it is a folder, not a file: {reply}", status=reply.code)
        modified = re.search(r"modify=([\d.]+);", facts, re.IGNORECASE)
        return About(found.size, modified[1] if modified else about.modified)
    return about
