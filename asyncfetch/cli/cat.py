"""``asyncfetch cat`` and ``get -o -``: bodies to standard output, as fast as they are read there.

Two buffers: while one is written, the next bytes arrive in the other. So memory is bounded, and who reads slowly slows
down the source.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import anyio

import asyncfetch

from .options import settings_of

if TYPE_CHECKING:
    from argparse import Namespace

    from .._progress.tally import Tally
    from .output import Report, Standard

BUFFER = 1024 * 1024


async def cat(options: Namespace, report: Report, tally: Tally) -> int:
    """Write the bodies of the URLs to standard output, one after the other, and give the exit status."""
    headers = dict(options.header)
    async with asyncfetch.Client(settings=settings_of(options), observer=tally) as client:
        for url in options.urls:
            try:
                async with client.open(url, headers=headers) as body:
                    await copy(body, report.standard)
            except asyncfetch.FetchError as error:
                await report.failure(error)
    return report.status


async def pour(wish: asyncfetch.Fetch, settings: asyncfetch.Settings, report: Report, tally: Tally) -> int:
    """Write one wish to standard output, and give the exit status.

    Where something must hold (digest, size) or may have to begin anew elsewhere (mirrors), it is fetched into a
    temporary file first: nothing that has not been checked reaches who reads.
    """
    async with asyncfetch.Client(settings=settings, observer=tally) as client:
        try:
            if wish.digest is None and wish.size is None and not wish.mirrors:
                async with client.open(wish.url, headers=dict(wish.headers)) as body:
                    await copy(body, report.standard)
                return report.status
            with tempfile.TemporaryDirectory(prefix="asyncfetch-") as folder:
                result = await client.fetch(_into(wish, f"{folder}/body"))
                assert result.path is not None
                async with await anyio.open_file(result.path, "rb") as file:
                    while chunk := await file.read(BUFFER):
                        await report.standard.write(chunk)
        except asyncfetch.FetchError as error:
            await report.failure(error)
    return report.status


def _into(wish: asyncfetch.Fetch, path: str) -> asyncfetch.Fetch:
    return asyncfetch.Fetch(
        wish.url, path, mirrors=wish.mirrors, digest=wish.digest, size=wish.size, headers=wish.headers
    )


async def copy(body: asyncfetch.Body, standard: Standard) -> None:
    """Write a body to standard output. Raises FetchError, and OutputClosed when nobody reads any more."""
    filling, writing = memoryview(bytearray(BUFFER)), memoryview(bytearray(BUFFER))
    count = await body.fill(filling)
    while count:
        filling, writing = writing, filling
        data = writing[:count]
        failure: Exception | None = None

        async def write(data: memoryview = data) -> None:
            nonlocal failure
            try:
                await standard.write(data)
            except Exception as error:  # noqa: BLE001 - raised below, not as a group
                failure = error
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            try:
                count = await body.fill(filling)
            except asyncfetch.FetchError as error:
                failure, count = error, 0
        if failure is not None:
            raise failure
