"""Shards under the conditions there are: offline, mirrors, other places, damaged or read-only caches, lost clients."""

import logging
import os
import sqlite3
import threading

import anyio
import pytest
from anyio import to_thread

from asyncfetch import (
    AccessDenied,
    Client,
    FetchError,
    MistakeError,
    NotFound,
    Offline,
    RedirectRefused,
    Settings,
)
from asyncfetch.repodata import Channel
from asyncfetch.repodata._shards import shards
from asyncfetch.testing import MemoryTransport, Stall, Status

from .channel import INDEX, Sharded
from .scene import CLOSURE, LINUX, check, get, of, serve

pytestmark = pytest.mark.anyio


async def test_stale_records_when_the_source_fails(server, linux, tmp_path):
    await get(server, tmp_path, subdirs=["linux-64"])
    linux.served[INDEX].always = (Status(403),)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    assert (records.status, records.packages, records.stale) == ("failed", {}, False)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], stale=True)
    assert (records.status, records.stale) == ("failed", True)
    assert isinstance(records.error, AccessDenied)
    assert (records.packages, records.packages_conda) == linux.only(*CLOSURE)


async def test_offline(server, linux, noarch, tmp_path):
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], offline=True)
    assert isinstance(records.error, Offline)
    await get(server, tmp_path, names=["python"])
    before = len(server.requests)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], offline=True)
    assert isinstance(records.error, Offline)  # its index is here, the shard of app is not
    async with Client(settings=Settings(offline=True)) as client:
        here, _ = await get(server, tmp_path, names=["python"], client=client)
    check(here, linux, {"python", "base"})
    assert len(server.requests) == before


async def test_mirrors(server, linux, tmp_path):
    channel = Channel(server.url("/nowhere"), mirrors=[server.url("/c")])
    (records,) = await get(server, tmp_path, channels=[channel], subdirs=["linux-64"])
    check(records, linux)
    assert records.channel == server.url("/nowhere")


@pytest.mark.parametrize("told", ["../shards", "/c/shards/", "{url}/c/shards"])
async def test_shards_elsewhere(server, tmp_path, told):
    told = told.replace("{url}", server.url(""))
    channel = Sharded(LINUX, shards_base_url=told, base_url="../packages")
    serve(server, channel, folder="../shards/")
    for name, data in channel.files("").items():
        server.serve(f"/c/shards/{name}", data)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, channel)
    assert records.base_url == server.url("/c/packages/")
    assert records.repodata["info"] == {"subdir": "linux-64", "base_url": "../packages"}
    assert records.repodata["repodata_version"] == 2


async def test_no_token_is_ever_shown_or_written(server, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    channel = Sharded({**LINUX, "app": ["gone"], "gone": []})
    channel.served = serve(server, channel, "/t/tk-secret/c")
    server.remove(f"/t/tk-secret/c/linux-64/{channel.hashes['gone'].hex()}.msgpack.zst")
    tokens = {server.url("/"): "tk-secret"}
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], tokens=tokens)
    assert isinstance(records.error, NotFound)
    (records,) = await get(server, tmp_path, names=["base"], subdirs=["linux-64"], tokens=tokens)
    assert records.error is None
    for text in (
        str(records),
        repr(records),
        caplog.text,
        *(path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()),
    ):
        assert "secret" not in text


async def test_a_channel_of_files(tmp_path):
    channel = Sharded(LINUX)
    (tmp_path / "c" / "linux-64").mkdir(parents=True)
    for name, data in channel.files().items():
        (tmp_path / "c" / "linux-64" / name).write_bytes(data)
    for offline in (False, True):
        subdirs, cache = ["linux-64", "noarch"], tmp_path / "cache"
        found = await shards(["app"], [str(tmp_path / "c")], subdirs, cache, offline=offline)
        check(found[0], channel)
        assert found[1].status == "absent"


# --- the cache


@pytest.mark.parametrize("damage", ["store", "index", "state"])
async def test_a_damaged_cache_costs_requests_and_nothing_else(server, linux, tmp_path, damage):
    await get(server, tmp_path, subdirs=["linux-64"])
    ending = {"store": ".db", "index": ".zst", "state": ".info.json"}[damage]
    for path in tmp_path.iterdir():
        if path.name.endswith(ending):
            about = path.stat()
            path.write_bytes(b"x" * about.st_size)
            os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns))
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, linux)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, linux)
    assert (records.status, records.bytes_transferred) == ("unchanged", 0)


async def test_a_cache_that_cannot_be_written(server, linux, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (records,) = await get(server, tmp_path / "file" / "below", subdirs=["linux-64"])
    check(records, linux)


async def test_a_cancelled_run_leaves_nothing_and_loses_nothing(server, linux, tmp_path):
    gate = threading.Event()
    of(linux, "tool").always = (Stall(10, until=gate),)
    with anyio.move_on_after(60) as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(get, server, tmp_path)
            await to_thread.run_sync(server.wait_until, lambda: of(linux, "tool").hits == 1)
            tasks.cancel_scope.cancel()
    assert not scope.cancelled_caught
    gate.set()
    of(linux, "tool").always = ()
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, linux)


async def test_a_client_that_is_closed_meanwhile(server, linux, tmp_path):
    gate = threading.Event()
    of(linux, "tool").always = (Stall(10, until=gate),)
    found = []

    async def one(client):
        found.extend(await get(server, tmp_path, subdirs=["linux-64"], client=client))

    async with anyio.create_task_group() as tasks, Client() as client:
        tasks.start_soon(one, client)
        await to_thread.run_sync(server.wait_until, lambda: of(linux, "tool").hits == 1)
    gate.set()
    assert isinstance(found[0].error, MistakeError)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ttl": -1},
        {"ttl": "x"},
        {"subdirs": ["../x"]},
        {"channels": ["a b"]},
        {"channels": ["https://"]},
        {"unverified": [" "]},
    ],
)
async def test_mistakes_are_raised_before_anything_is_done(server, tmp_path, wrong):
    with pytest.raises(MistakeError):
        await get(server, tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


# --- rarer ways


async def test_an_index_may_not_lead_to_files(server, linux, tmp_path):
    linux.info["shards_base_url"] = tmp_path.as_uri()
    linux.served[INDEX].change(linux.index)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    assert (records.status, type(records.error)) == ("failed", RedirectRefused)


async def test_two_channels_that_share_their_shards(server, tmp_path):
    channel = Sharded(LINUX, shards_base_url=server.url("/shards"))
    for path in ("/c", "/d"):
        server.serve(f"{path}/linux-64/{INDEX}", channel.index)
    pages = [server.serve(f"/shards/{name}", data) for name, data in channel.files().items()]
    found = await get(server, tmp_path, channels=[server.url("/c"), server.url("/d")], subdirs=["linux-64"])
    for records in found:
        check(records, channel)
    assert max(page.hits for page in pages) == 1


async def test_a_shard_nothing_verifies_is_fetched_again_when_it_was_damaged(server, linux, tmp_path):
    for again in range(2):
        (records,) = await get(server, tmp_path, subdirs=["linux-64"], unverified=[server.url("/c")])
        check(records, linux)
        assert of(linux, "base").hits == again + 1
        with sqlite3.connect(tmp_path / "asyncfetch-shards-1.db") as database:
            database.execute("UPDATE shards SET body = ?", (b"damaged",))
        database.close()


async def test_offline_with_a_mirror_that_is_here(server, linux, tmp_path):
    (tmp_path / "m" / "linux-64").mkdir(parents=True)
    channel = Channel(server.url("/c"), mirrors=[(tmp_path / "m").as_uri()])
    (records,) = await get(server, tmp_path, channels=[channel], subdirs=["linux-64"], offline=True)
    assert isinstance(records.error, Offline)  # the mirror has none, which says nothing of the channel
    await get(server, tmp_path, names=["base"], channels=[channel], subdirs=["linux-64"])
    (records,) = await get(server, tmp_path, names=["base"], channels=[channel], subdirs=["linux-64"], offline=True)
    check(records, linux, {"base"})
    assert (records.status, records.stale) == ("fresh", True)
    for name, data in linux.files().items():
        (tmp_path / "m" / "linux-64" / name).write_bytes(data)
    (records,) = await get(server, tmp_path, channels=[channel], subdirs=["linux-64"], offline=True)
    check(records, linux)


async def test_a_client_that_is_not_open(server, linux, tmp_path):
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], client=Client())
    assert isinstance(records.error, MistakeError)
    async with Client() as client:
        await get(server, tmp_path, names=["base"], subdirs=["linux-64"], client=client)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], client=client, ttl=3600)
    assert isinstance(records.error, MistakeError)  # from now on nothing can be fetched
    (records,) = await get(server, tmp_path, names=["base"], subdirs=["linux-64"], client=client, ttl=3600)
    check(records, linux, {"base"})  # which all that is held does not need


async def test_a_transport_that_breaks_ends_no_other_subdir(server, linux, tmp_path, caplog):
    class Broken(MemoryTransport):
        def open(self, request):
            raise RuntimeError("broken")

    async with Client(transports={"odd": Broken()}) as client:
        here, broken = await get(
            server, tmp_path, channels=[server.url("/c"), "odd://h/c"], subdirs=["linux-64"], client=client
        )
    check(here, linux)
    assert broken.status == "failed"
    assert isinstance(broken.error, FetchError)
    assert "RuntimeError" in str(broken.error)
    assert "broken" in caplog.text
