"""aioftp's client, which connects, starts TLS and reads lines, with our own reading of replies.

aioftp fails on a reply of several lines as soon as one of them begins with other digits, such as a year in a greeting
(RFC 959 section 4.2 says which line ends it), skips lines that are no reply, and bounds nothing.
"""

from __future__ import annotations

import asyncio
import re

import aioftp

from ..._model.errors import ProtocolViolation
from ..names import ask_aside
from ..race import race
from ..trust import certificate_name
from .replies import Lost

LONGEST = 64 * 1024  # characters of one reply, all lines together
_LINE = re.compile(r"([1-5]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)


class ReplyClient(aioftp.Client):
    """A client whose replies are framed as RFC 959 says, and of bounded length."""

    async def _open_connection(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that answers, and lose no socket when cancelled."""
        loop = asyncio.get_running_loop()
        found = await ask_aside(loop, host, port)
        sock, errors = await race(loop, [(family, place) for family, _, _, _, place in found])
        if sock is None:
            raise errors[0]
        try:
            name = certificate_name(host) if self.ssl else None
            return await asyncio.open_connection(sock=sock, ssl=self.ssl, server_hostname=name)
        except BaseException:
            sock.close()
            raise

    async def parse_response(self) -> tuple[aioftp.Code, list[str]]:
        """Read one reply, however many lines it has."""
        first = await self._line()
        match = _LINE.match(first)
        if match is None:
            raise ProtocolViolation(f"the server does not speak FTP: {first[:80]!a}")
        code, more, text = match.groups()
        lines, length = [text or ""], len(first)
        while more == "-":
            line = await self._line()
            length += len(line)
            if length > LONGEST:
                raise ProtocolViolation(f"a reply of more than {LONGEST} characters")
            if line.startswith(code) and line[3:4] in {" ", ""}:
                more = None
            lines.append(line[4:] if line[:4] in {f"{code} ", f"{code}-"} or not more else line)
        return aioftp.Code(code), lines

    async def _line(self) -> str:
        raw = await self.stream.readline()
        if not raw.endswith(b"\n"):
            raise Lost("the server closed the control connection")
        line: str = raw.decode("latin-1").rstrip("\r\n")
        return line
