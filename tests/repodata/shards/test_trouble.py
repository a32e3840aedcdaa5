"""Shards and indexes that are not there, not allowed, or not right."""

import json
import os

import pytest

from asyncfetch import (
    AccessDenied,
    Client,
    DigestMismatch,
    NotFound,
    ProtocolViolation,
    Retry,
    Settings,
    Url,
)
from asyncfetch.repodata import prefetch
from asyncfetch.repodata._channels import key_for
from asyncfetch.testing import Corrupt, Status

from .channel import INDEX, Sharded, packed
from .scene import LINUX, check, get, of, serve

pytestmark = pytest.mark.anyio


async def test_no_shards_here(server, linux, tmp_path):
    here, absent = await get(server, tmp_path)
    check(here, linux)
    assert (absent.status, absent.error, absent.packages, absent.base_url) == ("absent", None, {}, None)


async def test_absence_is_remembered_beside_the_repodata(server, tmp_path):
    key = key_for(Url(server.url("/c/linux-64")))
    repodata, state = tmp_path / f"{key}.json", tmp_path / f"{key}.info.json"
    repodata.write_bytes(b'{"packages": {}}')
    about = repodata.stat()
    state.write_text(json.dumps({"size": about.st_size, "mtime_ns": about.st_mtime_ns, "etag": '"x"', "more": 1}))
    for _ in range(2):
        (records,) = await get(server, tmp_path, subdirs=["linux-64"])
        assert records.status == "absent"
    assert len(server.requests) == 1
    said = json.loads(state.read_text())
    assert said["has_shards"]["value"] is False
    assert (said["etag"], said["more"], said["mtime_ns"]) == ('"x"', 1, about.st_mtime_ns)

    said["has_shards"]["last_checked"] = "2020-01-01T00:00:00.000000Z"  # too long ago
    state.write_text(json.dumps(said))
    channel = Sharded(LINUX)
    serve(server, channel)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, channel)
    assert json.loads(state.read_text())["has_shards"]["value"] is True


async def test_absence_is_remembered_where_there_is_no_repodata(server, tmp_path):
    for _ in range(2):
        (records,) = await get(server, tmp_path / "cache", subdirs=["linux-64"])
        assert records.status == "absent"
    assert len(server.requests) == 1
    data = b'{"packages": {}}'
    server.serve("/c/linux-64/repodata.json", data)
    (outcome,) = await prefetch([server.url("/c")], ["linux-64"], tmp_path / "cache")
    assert (outcome.status, (tmp_path / "cache" / outcome.path).read_bytes()) == ("fetched", data)
    (records,) = await get(server, tmp_path / "cache", subdirs=["linux-64"])
    assert (records.status, len(server.requests)) == ("absent", 3)


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_subdir_that_refuses_fails_and_ends_no_other(server, linux, noarch, tmp_path, status):
    noarch.served[INDEX].always = (Status(status),)
    async with Client(settings=Settings(retry=Retry(attempts=1))) as client:
        here, everywhere = await get(server, tmp_path, client=client)
    check(here, linux)
    assert (everywhere.status, everywhere.packages) == ("failed", {})
    assert everywhere.error.status == status
    assert isinstance(everywhere.error, AccessDenied) == (status < 404)


@pytest.mark.parametrize("trouble", [Corrupt(20), Status(403), Status(404)])
async def test_a_shard_that_fails_fails_its_subdir_alone(server, linux, noarch, tmp_path, trouble):
    of(noarch, "data").always = (trouble,)
    async with Client(settings=Settings(retry=Retry(attempts=1))) as client:
        here, everywhere = await get(server, tmp_path, client=client)
    check(here, linux)
    kind = DigestMismatch if isinstance(trouble, Corrupt) else AccessDenied if trouble.status == 403 else NotFound
    assert isinstance(everywhere.error, kind)
    assert (everywhere.status, everywhere.packages, everywhere.packages_conda) == ("failed", {}, {})
    of(noarch, "data").always = ()
    here, everywhere = await get(server, tmp_path)
    check(everywhere, noarch)


async def test_a_shard_that_is_none_although_its_hash_is_right(server, tmp_path):
    channel = Sharded({"app": []})
    channel.shards["app"] = packed([])
    serve(server, channel)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    assert isinstance(records.error, ProtocolViolation)


async def test_an_index_that_is_none(server, linux, tmp_path):
    linux.served[INDEX].change(b"<html>")
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    assert isinstance(records.error, ProtocolViolation)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".zst")]


async def test_unverified_channels_take_what_comes_and_keep_it_apart(server, linux, tmp_path):
    other = Sharded({**LINUX, "base": ["python"]})
    of(linux, "base").change(other.shards["base"])
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    assert isinstance(records.error, DigestMismatch)
    for _ in range(2):
        (records,) = await get(server, tmp_path, subdirs=["linux-64"], unverified=server.url("/c"))
        check(records, other)
    before = of(linux, "base").hits
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])  # what is in the store now does not pass for it
    assert isinstance(records.error, DigestMismatch)
    assert of(linux, "base").hits == before + 1


async def test_a_young_index_whose_shards_are_gone_is_asked_for_again(server, tmp_path):
    first = Sharded(LINUX)
    first.served = serve(server, first)
    await get(server, tmp_path, names=["base"], subdirs=["linux-64"])
    for name in first.shards:
        server.remove(f"/c/linux-64/{first.hashes[name].hex()}.msgpack.zst")
    second = Sharded({name: [*depends, "new"] for name, depends in LINUX.items()} | {"new": []})
    serve(server, second)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], ttl=3600)
    check(records, second, {"app", "lib", "tool", "python", "base", "new"})
    assert records.status == "fetched"


async def test_a_shard_that_is_gone_for_good(server, linux, tmp_path):
    await get(server, tmp_path, names=["base"], subdirs=["linux-64"])
    server.remove(f"/c/linux-64/{linux.hashes['lib'].hex()}.msgpack.zst")
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], ttl=3600)
    assert isinstance(records.error, NotFound)
    assert linux.served[INDEX].hits == 2
