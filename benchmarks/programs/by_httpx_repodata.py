"""httpx and zstandard, as one would write it: stream, decompress, write, rename; next time If-None-Match."""

from __future__ import annotations

import asyncio
import os

import httpx
import zstandard

from benchmarks.programs.refreshing import timed

_tags: dict[str, str] = {}


async def refresh(channel: str, subdirs: list[str], folder: str) -> None:
    async with httpx.AsyncClient(timeout=None) as client, asyncio.TaskGroup() as tasks:
        for subdir in subdirs:
            tasks.create_task(_one(client, f"{channel}/{subdir}/repodata.json.zst", f"{folder}/{subdir}.json"))


async def _one(client: httpx.AsyncClient, url: str, path: str) -> None:
    headers = {"If-None-Match": _tags[url]} if url in _tags else {}
    async with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 304:
            return
        response.raise_for_status()
        with open(f"{path}.part", "wb") as file:
            writer = zstandard.ZstdDecompressor().stream_writer(file)
            async for chunk in response.aiter_raw(1024 * 1024):
                writer.write(chunk)
        os.replace(f"{path}.part", path)
        _tags[url] = response.headers["ETag"]


if __name__ == "__main__":
    timed(refresh)
