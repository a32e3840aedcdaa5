"""Records of packages and of all they can depend on, over real sockets: what is asked, what is given, what fails."""

import json
import threading

import anyio
import pytest
from anyio import to_thread

from asyncfetch.testing import Stall

from .channel import INDEX, Sharded
from .scene import CLOSURE, LINUX, check, get, of, serve

pytestmark = pytest.mark.anyio


async def test_records_of_all_that_is_depended_on(server, linux, noarch, tmp_path):
    here, everywhere = await get(server, tmp_path)
    check(here, linux)
    check(everywhere, noarch)
    assert (here.status, everywhere.status) == ("fetched", "fetched")
    assert (here.channel, here.subdir, everywhere.subdir) == (server.url("/c"), "linux-64", "noarch")
    assert here.base_url == server.url("/c/linux-64/")
    asked = [resource for channel in (linux, noarch) for resource in channel.served.values() if resource.hits]
    assert len(server.requests) == len(asked) == 2 + 5 + 2  # not "other", not "unused", nothing twice
    assert here.bytes_transferred + everywhere.bytes_transferred == sum(one.size for one in asked)


async def test_records_are_those_of_the_whole_repodata(server, linux, tmp_path):
    (records,) = await get(server, tmp_path, names=list(LINUX), subdirs=["linux-64"])
    whole = json.loads(linux.repodata)
    assert json.loads(json.dumps(records.repodata, sort_keys=True)) == {**whole, "removed": [], "repodata_version": 1}
    assert json.dumps(records.packages_conda, sort_keys=True) == json.dumps(whole["packages.conda"], sort_keys=True)


async def test_names_may_be_specs_and_channels_several(server, linux, tmp_path):
    second = Sharded({"app": ["extra"], "extra": ["base"]})
    serve(server, second, "/d")
    found = await get(
        server, tmp_path, names="app >=1", channels=[server.url("/c"), server.url("/d")], subdirs="linux-64"
    )
    check(found[0], linux, {"app", "lib", "tool", "python", "base"})
    check(found[1], second, {"app", "extra"})


async def test_a_second_run_asks_for_the_index_alone_and_a_fresh_one_for_nothing(server, linux, tmp_path):
    await get(server, tmp_path, subdirs=["linux-64"])
    before = len(server.requests)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, linux)
    assert (records.status, records.bytes_transferred) == ("unchanged", 0)
    assert [one.header("if-none-match") for one in server.requests[before:]] == [linux.served[INDEX].etag]
    for more in ({"ttl": 3600}, {"offline": True}):
        (records,) = await get(server, tmp_path, subdirs=["linux-64"], **more)
        check(records, linux)
        assert (records.status, records.bytes_transferred, records.stale) == ("fresh", 0, "offline" in more)
    assert len(server.requests) == before + 1


async def test_max_age_of_the_index_counts(server, tmp_path):
    channel = Sharded(LINUX)
    serve(server, channel, headers=[("Cache-Control", "public, max-age=1200")])
    await get(server, tmp_path, subdirs=["linux-64"])
    before = len(server.requests)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, channel)
    assert (records.status, len(server.requests)) == ("fresh", before)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"], ttl=0)
    assert (records.status, len(server.requests)) == ("unchanged", before + 1)


async def test_a_new_index_fetches_what_changed(server, linux, tmp_path):
    await get(server, tmp_path, subdirs=["linux-64"])
    changed = Sharded({**LINUX, "base": ["zlib"], "zlib": []})
    linux.served[INDEX].change(changed.index)
    for name in ("base", "zlib"):
        server.serve(f"/c/linux-64/{changed.hashes[name].hex()}.msgpack.zst", changed.shards[name])
    before = len(server.requests)
    (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, changed, {*CLOSURE, "zlib"})
    assert (records.status, len(server.requests) - before) == ("fetched", 3)


async def test_a_shard_is_followed_as_soon_as_it_is_read(server, tmp_path):
    """The shard of "slow" is held back until the whole chain below "quick" has been asked for, level after level."""
    chain = {f"n{number}": [f"n{number + 1}"] for number in range(20)}
    channel = Sharded({"app": ["slow", "quick"], "slow": ["late"], "quick": ["n0"], **chain, "n20": [], "late": []})
    channel.served = serve(server, channel)
    gate = threading.Event()
    of(channel, "slow").always = (Stall(10, until=gate),)

    def release():
        server.wait_until(lambda: of(channel, "n20").hits == 1)
        gate.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, release)
        (records,) = await get(server, tmp_path, subdirs=["linux-64"])
    check(records, channel, set(channel.shards))


async def test_an_index_that_is_late_holds_up_no_other(server, linux, noarch, tmp_path):
    gate = threading.Event()
    noarch.served[INDEX].always = (Stall(10, until=gate),)

    def release():
        server.wait_until(lambda: all(of(linux, name).hits for name in ("app", "lib", "tool", "python", "base")))
        gate.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, release)
        here, everywhere = await get(server, tmp_path)
    check(here, linux)
    check(everywhere, noarch)


# --- what is not there, and what fails
