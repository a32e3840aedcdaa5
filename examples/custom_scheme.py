"""A transport for a scheme of one's own: ``zip:///folder/archive.zip?member`` is a member of a local archive.

    python custom_scheme.py 'zip:///folder/archive.zip?a/b.txt' target/

That is all a scheme owes: open the body of one URL, say FULL, PARTIAL or UNCHANGED, and raise errors of the tree.
Resume, digests, mirrors, retries and the whole-or-nothing file come from the client. A package would announce the class
under the entry point group ``asyncfetch.transports``; a program just passes an object.
"""

import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

import anyio
from anyio.to_thread import run_sync

import asyncfetch
from asyncfetch import Answer, NotFound, RangeRefused, Request, Stat, Url, Validator


class ZipBody(asyncfetch.Body):
    """One member, from an offset on. It is read in a thread: that takes a disk and a processor."""

    def __init__(self, request: Request, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        self.url, self.size, self.timings = request.url, member.file_size, asyncfetch.Timings()
        version = f"{member.CRC:08x}-{member.header_offset}"
        self.validator = Validator(str(request.url), etag=version, size=self.size, strong=True)
        self._file = archive.open(member)
        end = self.size
        same = request.matching is None or request.matching == self.validator
        if request.unless is not None and request.unless == self.validator:
            self.answer, end = Answer.UNCHANGED, 0
        elif same and (request.offset or request.end is not None):
            if request.offset >= self.size:
                raise RangeRefused(f"there is nothing from byte {request.offset} on", url=request.url)
            self.answer, self.offset = Answer.PARTIAL, request.offset
            end = self.size if request.end is None else min(self.size, request.end)
        self._left = end - self.offset
        self._file.seek(self.offset)

    async def fill(self, into: memoryview) -> int:
        count = await run_sync(self._file.readinto, into[: self._left])
        self._left -= count
        return count


class ZipTransport:
    """Serves zip:// URLs."""

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[asyncfetch.Body]:
        try:
            archive = await run_sync(zipfile.ZipFile, request.url.decoded_path)
        except (OSError, zipfile.BadZipFile) as error:
            raise NotFound(f"no archive: {error}", url=request.url) from error
        with archive:
            try:
                member = archive.getinfo(unquote(request.url.query or ""))
            except KeyError as error:
                raise NotFound("no such member", url=request.url) from error
            yield ZipBody(request, archive, member)

    async def stat(self, request: Request) -> Stat:
        async with self.open(request) as body:
            return Stat(body.size, validator=body.validator)

    async def list(self, url: Url) -> AsyncIterator[asyncfetch.Entry]:
        raise asyncfetch.UnsupportedScheme("an archive is not listed here", url=url)
        yield  # which makes it an async iterator

    async def aclose(self) -> None:
        """Nothing is kept open."""


async def main(url: str, to: str) -> None:
    async with asyncfetch.Client(transports={"zip": ZipTransport()}) as client:
        print(await client.fetch(url, to, digest="sha256"))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], sys.argv[2])
