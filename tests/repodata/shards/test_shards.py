"""Records of packages and of all they can depend on, over real sockets: what is asked, what is given, what fails."""

import json
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
    DigestMismatch,
    FetchError,
    MistakeError,
    NotFound,
    Offline,
    ProtocolViolation,
    RedirectRefused,
    Retry,
    Settings,
    Url,
)
from asyncfetch.repodata import Channel
from asyncfetch.repodata._channels import key_for
from asyncfetch.repodata._shards import shards
from asyncfetch.testing import Corrupt, HttpServer, MemoryTransport, Stall, Status

from .channel import INDEX, Sharded, packed

pytestmark = pytest.mark.anyio

_LINUX = {
    "app": ["lib >=1", "python", "__glibc >=2.17"],
    "lib": ["base", "tool"],
    "tool": ["app"],  # a circle
    "python": ["base"],
    "base": [],
    "other": ["app"],
}
_NOARCH = {"base": ["data"], "data": ["python"], "unused": []}
_CLOSURE = {"app", "lib", "tool", "python", "base", "data"}


@pytest.fixture
def server():
    with HttpServer() as one:
        yield one


def _serve(server, channel, path="/c", folder="", **more):
    """Serve one subdir; the resources by file name."""
    place = f"{path}/{channel.subdir}/"
    return {name: server.serve(place + name, data, **more) for name, data in channel.files(folder).items()}


@pytest.fixture
def linux(server):
    channel = Sharded(_LINUX)
    channel.served = _serve(server, channel)
    return channel


@pytest.fixture
def noarch(server):
    channel = Sharded(_NOARCH, "noarch")
    channel.served = _serve(server, channel)
    return channel


def _of(channel, name):
    return channel.served[f"{channel.hashes[name].hex()}.msgpack.zst"]


def _check(records, channel, names=_CLOSURE):
    assert records.error is None
    assert (records.packages, records.packages_conda) == channel.only(*names)


async def _get(server, folder, *, names=("app",), channels=None, subdirs=("linux-64", "noarch"), **more):
    return await shards(names, channels or [server.url("/c")], subdirs, folder, **more)


async def test_records_of_all_that_is_depended_on(server, linux, noarch, tmp_path):
    here, everywhere = await _get(server, tmp_path)
    _check(here, linux)
    _check(everywhere, noarch)
    assert (here.status, everywhere.status) == ("fetched", "fetched")
    assert (here.channel, here.subdir, everywhere.subdir) == (server.url("/c"), "linux-64", "noarch")
    assert here.base_url == server.url("/c/linux-64/")
    asked = [resource for channel in (linux, noarch) for resource in channel.served.values() if resource.hits]
    assert len(server.requests) == len(asked) == 2 + 5 + 2  # not "other", not "unused", nothing twice
    assert here.bytes_transferred + everywhere.bytes_transferred == sum(one.size for one in asked)


async def test_records_are_those_of_the_whole_repodata(server, linux, tmp_path):
    (records,) = await _get(server, tmp_path, names=list(_LINUX), subdirs=["linux-64"])
    whole = json.loads(linux.repodata)
    assert json.loads(json.dumps(records.repodata, sort_keys=True)) == {**whole, "removed": [], "repodata_version": 1}
    assert json.dumps(records.packages_conda, sort_keys=True) == json.dumps(whole["packages.conda"], sort_keys=True)


async def test_names_may_be_specs_and_channels_several(server, linux, tmp_path):
    second = Sharded({"app": ["extra"], "extra": ["base"]})
    _serve(server, second, "/d")
    found = await _get(
        server, tmp_path, names="app >=1", channels=[server.url("/c"), server.url("/d")], subdirs="linux-64"
    )
    _check(found[0], linux, {"app", "lib", "tool", "python", "base"})
    _check(found[1], second, {"app", "extra"})


async def test_a_second_run_asks_for_the_index_alone_and_a_fresh_one_for_nothing(server, linux, tmp_path):
    await _get(server, tmp_path, subdirs=["linux-64"])
    before = len(server.requests)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, linux)
    assert (records.status, records.bytes_transferred) == ("unchanged", 0)
    assert [one.header("if-none-match") for one in server.requests[before:]] == [linux.served[INDEX].etag]
    for more in ({"ttl": 3600}, {"offline": True}):
        (records,) = await _get(server, tmp_path, subdirs=["linux-64"], **more)
        _check(records, linux)
        assert (records.status, records.bytes_transferred, records.stale) == ("fresh", 0, "offline" in more)
    assert len(server.requests) == before + 1


async def test_max_age_of_the_index_counts(server, tmp_path):
    channel = Sharded(_LINUX)
    _serve(server, channel, headers=[("Cache-Control", "public, max-age=1200")])
    await _get(server, tmp_path, subdirs=["linux-64"])
    before = len(server.requests)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, channel)
    assert (records.status, len(server.requests)) == ("fresh", before)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], ttl=0)
    assert (records.status, len(server.requests)) == ("unchanged", before + 1)


async def test_a_new_index_fetches_what_changed(server, linux, tmp_path):
    await _get(server, tmp_path, subdirs=["linux-64"])
    changed = Sharded({**_LINUX, "base": ["zlib"], "zlib": []})
    linux.served[INDEX].change(changed.index)
    for name in ("base", "zlib"):
        server.serve(f"/c/linux-64/{changed.hashes[name].hex()}.msgpack.zst", changed.shards[name])
    before = len(server.requests)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, changed, {*_CLOSURE, "zlib"})
    assert (records.status, len(server.requests) - before) == ("fetched", 3)


async def test_a_shard_is_followed_as_soon_as_it_is_read(server, tmp_path):
    """The shard of "slow" is held back until the whole chain below "quick" has been asked for, level after level."""
    chain = {f"n{number}": [f"n{number + 1}"] for number in range(20)}
    channel = Sharded({"app": ["slow", "quick"], "slow": ["late"], "quick": ["n0"], **chain, "n20": [], "late": []})
    channel.served = _serve(server, channel)
    gate = threading.Event()
    _of(channel, "slow").always = (Stall(10, until=gate),)

    def release():
        server.wait_until(lambda: _of(channel, "n20").hits == 1)
        gate.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, release)
        (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, channel, set(channel.shards))


async def test_an_index_that_is_late_holds_up_no_other(server, linux, noarch, tmp_path):
    gate = threading.Event()
    noarch.served[INDEX].always = (Stall(10, until=gate),)

    def release():
        server.wait_until(lambda: all(_of(linux, name).hits for name in ("app", "lib", "tool", "python", "base")))
        gate.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(to_thread.run_sync, release)
        here, everywhere = await _get(server, tmp_path)
    _check(here, linux)
    _check(everywhere, noarch)


# --- what is not there, and what fails


async def test_no_shards_here(server, linux, tmp_path):
    here, absent = await _get(server, tmp_path)
    _check(here, linux)
    assert (absent.status, absent.error, absent.packages, absent.base_url) == ("absent", None, {}, None)


async def test_absence_is_remembered_beside_the_repodata(server, tmp_path):
    key = key_for(Url(server.url("/c/linux-64")))
    repodata, state = tmp_path / f"{key}.json", tmp_path / f"{key}.info.json"
    repodata.write_bytes(b'{"packages": {}}')
    about = repodata.stat()
    state.write_text(json.dumps({"size": about.st_size, "mtime_ns": about.st_mtime_ns, "etag": '"x"', "more": 1}))
    for _ in range(2):
        (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
        assert records.status == "absent"
    assert len(server.requests) == 1
    said = json.loads(state.read_text())
    assert said["has_shards"]["value"] is False
    assert (said["etag"], said["more"], said["mtime_ns"]) == ('"x"', 1, about.st_mtime_ns)

    said["has_shards"]["last_checked"] = "2020-01-01T00:00:00.000000Z"  # too long ago
    state.write_text(json.dumps(said))
    channel = Sharded(_LINUX)
    _serve(server, channel)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, channel)
    assert json.loads(state.read_text())["has_shards"]["value"] is True


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_subdir_that_refuses_fails_and_ends_no_other(server, linux, noarch, tmp_path, status):
    noarch.served[INDEX].always = (Status(status),)
    async with Client(settings=Settings(retry=Retry(attempts=1))) as client:
        here, everywhere = await _get(server, tmp_path, client=client)
    _check(here, linux)
    assert (everywhere.status, everywhere.packages) == ("failed", {})
    assert everywhere.error.status == status
    assert isinstance(everywhere.error, AccessDenied) == (status < 404)


@pytest.mark.parametrize("trouble", [Corrupt(20), Status(403), Status(404)])
async def test_a_shard_that_fails_fails_its_subdir_alone(server, linux, noarch, tmp_path, trouble):
    _of(noarch, "data").always = (trouble,)
    async with Client(settings=Settings(retry=Retry(attempts=1))) as client:
        here, everywhere = await _get(server, tmp_path, client=client)
    _check(here, linux)
    kind = DigestMismatch if isinstance(trouble, Corrupt) else AccessDenied if trouble.status == 403 else NotFound
    assert isinstance(everywhere.error, kind)
    assert (everywhere.status, everywhere.packages, everywhere.packages_conda) == ("failed", {}, {})
    _of(noarch, "data").always = ()
    here, everywhere = await _get(server, tmp_path)
    _check(everywhere, noarch)


async def test_a_shard_that_is_none_although_its_hash_is_right(server, tmp_path):
    channel = Sharded({"app": []})
    channel.shards["app"] = packed([])
    _serve(server, channel)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    assert isinstance(records.error, ProtocolViolation)


async def test_an_index_that_is_none(server, linux, tmp_path):
    linux.served[INDEX].change(b"<html>")
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    assert isinstance(records.error, ProtocolViolation)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".zst")]


async def test_unverified_channels_take_what_comes_and_keep_it_apart(server, linux, tmp_path):
    other = Sharded({**_LINUX, "base": ["python"]})
    _of(linux, "base").change(other.shards["base"])
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    assert isinstance(records.error, DigestMismatch)
    for _ in range(2):
        (records,) = await _get(server, tmp_path, subdirs=["linux-64"], unverified=server.url("/c"))
        _check(records, other)
    before = _of(linux, "base").hits
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])  # what is in the store now does not pass for it
    assert isinstance(records.error, DigestMismatch)
    assert _of(linux, "base").hits == before + 1


async def test_a_young_index_whose_shards_are_gone_is_asked_for_again(server, tmp_path):
    first = Sharded(_LINUX)
    first.served = _serve(server, first)
    await _get(server, tmp_path, names=["base"], subdirs=["linux-64"])
    for name in first.shards:
        server.remove(f"/c/linux-64/{first.hashes[name].hex()}.msgpack.zst")
    second = Sharded({name: [*depends, "new"] for name, depends in _LINUX.items()} | {"new": []})
    _serve(server, second)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], ttl=3600)
    _check(records, second, {"app", "lib", "tool", "python", "base", "new"})
    assert records.status == "fetched"


async def test_a_shard_that_is_gone_for_good(server, linux, tmp_path):
    await _get(server, tmp_path, names=["base"], subdirs=["linux-64"])
    server.remove(f"/c/linux-64/{linux.hashes['lib'].hex()}.msgpack.zst")
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], ttl=3600)
    assert isinstance(records.error, NotFound)
    assert linux.served[INDEX].hits == 2


async def test_stale_records_when_the_source_fails(server, linux, tmp_path):
    await _get(server, tmp_path, subdirs=["linux-64"])
    linux.served[INDEX].always = (Status(403),)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    assert (records.status, records.packages, records.stale) == ("failed", {}, False)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], stale=True)
    assert (records.status, records.stale) == ("failed", True)
    assert isinstance(records.error, AccessDenied)
    assert (records.packages, records.packages_conda) == linux.only(*_CLOSURE)


async def test_offline(server, linux, noarch, tmp_path):
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], offline=True)
    assert isinstance(records.error, Offline)
    await _get(server, tmp_path, names=["python"])
    before = len(server.requests)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], offline=True)
    assert isinstance(records.error, Offline)  # its index is here, the shard of app is not
    async with Client(settings=Settings(offline=True)) as client:
        here, _ = await _get(server, tmp_path, names=["python"], client=client)
    _check(here, linux, {"python", "base"})
    assert len(server.requests) == before


async def test_mirrors(server, linux, tmp_path):
    channel = Channel(server.url("/nowhere"), mirrors=[server.url("/c")])
    (records,) = await _get(server, tmp_path, channels=[channel], subdirs=["linux-64"])
    _check(records, linux)
    assert records.channel == server.url("/nowhere")


@pytest.mark.parametrize("told", ["../shards", "/c/shards/", "{url}/c/shards"])
async def test_shards_elsewhere(server, tmp_path, told):
    told = told.replace("{url}", server.url(""))
    channel = Sharded(_LINUX, shards_base_url=told, base_url="../packages")
    _serve(server, channel, folder="../shards/")
    for name, data in channel.files("").items():
        server.serve(f"/c/shards/{name}", data)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, channel)
    assert records.base_url == server.url("/c/packages/")
    assert records.repodata["info"] == {"subdir": "linux-64", "base_url": "../packages"}
    assert records.repodata["repodata_version"] == 2


async def test_no_token_is_ever_shown_or_written(server, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    channel = Sharded({**_LINUX, "app": ["gone"], "gone": []})
    channel.served = _serve(server, channel, "/t/tk-secret/c")
    server.remove(f"/t/tk-secret/c/linux-64/{channel.hashes['gone'].hex()}.msgpack.zst")
    tokens = {server.url("/"): "tk-secret"}
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], tokens=tokens)
    assert isinstance(records.error, NotFound)
    (records,) = await _get(server, tmp_path, names=["base"], subdirs=["linux-64"], tokens=tokens)
    assert records.error is None
    for text in (
        str(records),
        repr(records),
        caplog.text,
        *(path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()),
    ):
        assert "secret" not in text


async def test_a_channel_of_files(tmp_path):
    channel = Sharded(_LINUX)
    (tmp_path / "c" / "linux-64").mkdir(parents=True)
    for name, data in channel.files().items():
        (tmp_path / "c" / "linux-64" / name).write_bytes(data)
    for offline in (False, True):
        subdirs, cache = ["linux-64", "noarch"], tmp_path / "cache"
        found = await shards(["app"], [str(tmp_path / "c")], subdirs, cache, offline=offline)
        _check(found[0], channel)
        assert found[1].status == "absent"


# --- the cache


@pytest.mark.parametrize("damage", ["store", "index", "state"])
async def test_a_damaged_cache_costs_requests_and_nothing_else(server, linux, tmp_path, damage):
    await _get(server, tmp_path, subdirs=["linux-64"])
    ending = {"store": ".db", "index": ".zst", "state": ".info.json"}[damage]
    for path in tmp_path.iterdir():
        if path.name.endswith(ending):
            about = path.stat()
            path.write_bytes(b"x" * about.st_size)
            os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns))
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, linux)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, linux)
    assert (records.status, records.bytes_transferred) == ("unchanged", 0)


async def test_a_cache_that_cannot_be_written(server, linux, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (records,) = await _get(server, tmp_path / "file" / "below", subdirs=["linux-64"])
    _check(records, linux)


async def test_a_cancelled_run_leaves_nothing_and_loses_nothing(server, linux, tmp_path):
    gate = threading.Event()
    _of(linux, "tool").always = (Stall(10, until=gate),)
    with anyio.move_on_after(60) as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_get, server, tmp_path)
            await to_thread.run_sync(server.wait_until, lambda: _of(linux, "tool").hits == 1)
            tasks.cancel_scope.cancel()
    assert not scope.cancelled_caught
    gate.set()
    _of(linux, "tool").always = ()
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    _check(records, linux)


async def test_a_client_that_is_closed_meanwhile(server, linux, tmp_path):
    gate = threading.Event()
    _of(linux, "tool").always = (Stall(10, until=gate),)
    found = []

    async def get(client):
        found.extend(await _get(server, tmp_path, subdirs=["linux-64"], client=client))

    async with anyio.create_task_group() as tasks, Client() as client:
        tasks.start_soon(get, client)
        await to_thread.run_sync(server.wait_until, lambda: _of(linux, "tool").hits == 1)
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
        await _get(server, tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


# --- rarer ways


async def test_an_index_may_not_lead_to_files(server, linux, tmp_path):
    linux.info["shards_base_url"] = tmp_path.as_uri()
    linux.served[INDEX].change(linux.index)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"])
    assert (records.status, type(records.error)) == ("failed", RedirectRefused)


async def test_two_channels_that_share_their_shards(server, tmp_path):
    channel = Sharded(_LINUX, shards_base_url=server.url("/shards"))
    for path in ("/c", "/d"):
        server.serve(f"{path}/linux-64/{INDEX}", channel.index)
    pages = [server.serve(f"/shards/{name}", data) for name, data in channel.files().items()]
    found = await _get(server, tmp_path, channels=[server.url("/c"), server.url("/d")], subdirs=["linux-64"])
    for records in found:
        _check(records, channel)
    assert max(page.hits for page in pages) == 1


async def test_a_shard_nothing_verifies_is_fetched_again_when_it_was_damaged(server, linux, tmp_path):
    for again in range(2):
        (records,) = await _get(server, tmp_path, subdirs=["linux-64"], unverified=[server.url("/c")])
        _check(records, linux)
        assert _of(linux, "base").hits == again + 1
        with sqlite3.connect(tmp_path / "asyncfetch-shards-1.db") as database:
            database.execute("UPDATE shards SET body = ?", (b"damaged",))
        database.close()


async def test_offline_with_a_mirror_that_is_here(server, linux, tmp_path):
    (tmp_path / "m" / "linux-64").mkdir(parents=True)
    channel = Channel(server.url("/c"), mirrors=[(tmp_path / "m").as_uri()])
    (records,) = await _get(server, tmp_path, channels=[channel], subdirs=["linux-64"], offline=True)
    assert isinstance(records.error, Offline)  # the mirror has none, which says nothing of the channel
    await _get(server, tmp_path, names=["base"], channels=[channel], subdirs=["linux-64"])
    (records,) = await _get(server, tmp_path, names=["base"], channels=[channel], subdirs=["linux-64"], offline=True)
    _check(records, linux, {"base"})
    assert (records.status, records.stale) == ("fresh", True)
    for name, data in linux.files().items():
        (tmp_path / "m" / "linux-64" / name).write_bytes(data)
    (records,) = await _get(server, tmp_path, channels=[channel], subdirs=["linux-64"], offline=True)
    _check(records, linux)


async def test_a_client_that_is_not_open(server, linux, tmp_path):
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], client=Client())
    assert isinstance(records.error, MistakeError)
    async with Client() as client:
        await _get(server, tmp_path, names=["base"], subdirs=["linux-64"], client=client)
    (records,) = await _get(server, tmp_path, subdirs=["linux-64"], client=client, ttl=3600)
    assert isinstance(records.error, MistakeError)  # from now on nothing can be fetched
    (records,) = await _get(server, tmp_path, names=["base"], subdirs=["linux-64"], client=client, ttl=3600)
    _check(records, linux, {"base"})  # which all that is held does not need


async def test_a_transport_that_breaks_ends_no_other_subdir(server, linux, tmp_path, caplog):
    class Broken(MemoryTransport):
        def open(self, request):
            raise RuntimeError("broken")

    async with Client(transports={"odd": Broken()}) as client:
        here, broken = await _get(
            server, tmp_path, channels=[server.url("/c"), "odd://h/c"], subdirs=["linux-64"], client=client
        )
    _check(here, linux)
    assert broken.status == "failed"
    assert isinstance(broken.error, FetchError)
    assert "RuntimeError" in str(broken.error)
    assert "broken" in caplog.text
