"""Keys are any text: what a file system, a URL parser or a proxy would make something else of stays what it is."""

from __future__ import annotations

from contextlib import aclosing

import anyio
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from asyncfetch._model.url import Url

from ...thorough import times
from .conftest import content, s3

pytestmark = pytest.mark.anyio
KEYS = [
    "spaces in it", " at both ends ", "a+b", "a%2Fb", "100%", "%41", "a&b=c;d,e", "q?x#y", "UPPER", "'()*!$@:[]{}|^`~",
    'say "so"', "back\\slash", "<xml>&amp;", "Größe", "Gro\u0308sse", "日本語/文件", "😀.bin", "tab\there", "/leading",
    "//two", "in//side", "./dot", "in/./side", "../up", "in/../side", "..", "-dash", "a" * 200, "ends/", "x/y/z/",
]  # fmt: skip
FEWEST = {"moto": len(KEYS), "seaweed": 23, "juicefs": 23}  # kept; those on a file system refuse `..` and the like


@pytest.fixture(scope="module")
def anyio_backend():
    """One loop: what a key becomes has nothing to do with it."""
    return "asyncio"


def kept(place, key):
    """Store something under a key; False where the server refuses, or makes another key of it."""
    try:
        place.put(f"keys/{key}", key.encode())
        return place.client.get_object(Bucket="bucket", Key=f"keys/{key}")["Body"].read() == key.encode()
    except (BotoCoreError, ClientError):
        return False


async def test_keys_of_any_characters(place):
    there = [key for key in KEYS if await anyio.to_thread.run_sync(kept, place, key)]
    assert len(there) >= FEWEST[place.name], [key for key in KEYS if key not in there]
    async with s3(place.settings, place.auth) as transport:
        for key in there:
            url = place.far_end.url(f"keys/{key}")
            assert (await content(transport, url))[0] == key.encode(), key


async def test_a_key_that_looks_like_a_directory(moto_place):
    for key in ("like/", "like/one", "both", "both/below"):
        moto_place.put(key, key.encode())
    async with s3(moto_place.settings, moto_place.auth) as transport:
        assert (await content(transport, "s3://bucket/like/"))[0] == b"like/"
        assert [entry.name async for entry in transport.list(Url("s3://bucket/like/"))] == ["one"]
        assert (await content(transport, "s3://bucket/both"))[0] == b"both"
        found = {(entry.name, entry.kind) async for entry in transport.list(Url("s3://bucket/"))}
        assert {("both", "file"), ("both", "directory"), ("like", "directory")} <= found


async def test_every_key_that_is_listed_can_be_had_by_its_url(moto_place):
    moto_place.client.create_bucket(Bucket="any-keys")
    for key in KEYS:
        moto_place.put(key, key.encode(), bucket="any-keys")
    auth = {"s3://any-keys/": ("any", "any")}
    found, folders = set(), ["s3://any-keys"]
    async with s3(moto_place.settings, auth) as transport:
        while folders:
            async for entry in transport.list(Url(folders.pop())):
                if entry.kind == "directory":
                    folders.append(entry.url.reveal())
                else:
                    found.add((await content(transport, entry.url.reveal()))[0].decode())
    # what ends in a slash is listed as the directory it stands for
    assert found == {key for key in KEYS if not key.endswith("/")}


COUNT = times(2_500, 10_500)


@pytest.fixture(scope="module")
def crowded(moto):
    """A bucket of ten thousand keys, put straight into the store: over the wire it would take half a minute."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    moto.make("crowded")
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for number in range(COUNT):
        backend.put_object("crowded", f"many/{number:05}", b"")
    return moto


async def test_many_keys_come_page_by_page_as_they_are_wanted(crowded):
    auth = {"s3://crowded/": ("any", "any")}
    async with s3(crowded.settings, auth) as transport:
        async with aclosing(transport.list(Url("s3://crowded/many/"))) as listing:
            for number in range(1_000):
                assert (await anext(listing)).name == f"{number:05}"
            assert len(transport.sent) == 1  # nobody wanted the next page yet
            assert (await anext(listing)).name == "01000"
            assert len(transport.sent) == 2
        transport.sent.clear()
        names = [entry.name async for entry in transport.list(Url("s3://crowded/many/"))]
        assert names == [f"{number:05}" for number in range(COUNT)]
        assert len(transport.sent) == COUNT // 1_000 + 1
