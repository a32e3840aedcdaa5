"""A transport for a scheme of one's own: ``zip:///folder/archive.zip?member`` is a member of a local archive.

    python custom_scheme.py 'zip:///folder/archive.zip?a/b.txt' b.txt

That is all a scheme owes: open the body of one URL, say FULL, PARTIAL or UNCHANGED, and raise errors of the tree.
The rest comes from the client. A package would announce the class as an entry point (README, "Schemes").
"""

import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO
from urllib.parse import unquote

from anyio import run, to_thread

import asyncfetch
from asyncfetch import Answer, NotFound, RangeRefused, Request, Stat, Url, Validator


class ZipBody(asyncfetch.Body):
    """One member, from an offset on. It is read in a thread: that takes a disk and a processor."""

    def __init__(self, request: Request, member: zipfile.ZipInfo, file: IO[bytes]) -> None:
        self.url, self.size, self.timings = request.url, member.file_size, asyncfetch.Timings()
        self.validator = Validator(str(request.url), etag=f"{member.CRC:08x}", size=self.size, strong=True)
        self._file, end = file, self.size
        if request.unless == self.validator:
            self.answer, end = Answer.UNCHANGED, 0
        elif request.matching in {None, self.validator} and (request.offset or request.end is not None):
            if request.offset >= end:
                raise RangeRefused(f"there is nothing from byte {request.offset} on", url=request.url)
            self.answer, self.offset = Answer.PARTIAL, request.offset
            end = min(end, request.end or end)
        self._left = end - self.offset
        file.seek(self.offset)

    async def fill(self, into: memoryview) -> int:
        data = await to_thread.run_sync(self._file.read, min(len(into), self._left))
        into[: len(data)], self._left = data, self._left - len(data)
        return len(data)


class ZipTransport:
    """Serves zip:// URLs."""

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[asyncfetch.Body]:
        try:
            archive = await to_thread.run_sync(zipfile.ZipFile, request.url.decoded_path)
        except (OSError, zipfile.BadZipFile) as error:
            kind = NotFound if isinstance(error, FileNotFoundError) else asyncfetch.SourceError
            raise kind(f"no archive: {error}", url=request.url) from error
        with archive:
            name = unquote(request.url.query or "")
            if name not in archive.namelist():
                raise NotFound("no such member", url=request.url)
            with archive.open(name) as file:
                yield ZipBody(request, archive.getinfo(name), file)

    async def stat(self, request: Request) -> Stat:
        async with self.open(request) as body:
            return Stat(body.size, validator=body.validator)

    def list(self, url: Url) -> AsyncIterator[asyncfetch.Entry]:
        raise asyncfetch.UnsupportedScheme("an archive is not listed here", url=url)

    async def aclose(self) -> None:
        """Nothing is kept open."""


async def main(url: str, to: str) -> None:
    async with asyncfetch.Client(transports={"zip": ZipTransport()}) as client:
        print(await client.fetch(url, to, digest="sha256"))


if __name__ == "__main__":
    sys.exit(run(main, *sys.argv[1:]) if len(sys.argv) == 3 else __doc__)
