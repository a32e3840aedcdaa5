"""Subdirs of a served channel, in and out of conda's cache: what is asked, and what is said of it."""

import hashlib
import json
import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from asyncfetch import (
    AccessDenied,
    Busy,
    Fetch,
    FetchError,
    Finished,
    InvalidUrl,
    Limits,
    MistakeError,
    NotFound,
    NotWritable,
    Started,
)
from asyncfetch.repodata import Outcome, Status, prefetch
from asyncfetch.repodata._part import claimed
from asyncfetch.testing import (
    Hold,
    Stall,
    Status as Answers,
)

from .scene import (
    AGE,
    Served,
    a_client,
    age,
    conda_asks,
    contents,
    info,
    key,
    put,
    read,
    refresh,
    repodata,
    state_of,
)  # fmt: skip

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]


# --- the four ways it goes well


async def test_fetched_fresh_unchanged_fetched(channel, folder):
    data = channel.publish("noarch")
    (first,) = await refresh(channel.url, ["noarch"], folder)
    assert read(first) == data
    zst = channel.files["noarch", "zst"]
    assert first == Outcome(
        channel.url, "noarch", f"{folder}/{key(channel.url + '/noarch')}.json", "fetched", None, zst.size
    )
    assert channel.asked == ["/noarch/repodata.json.zst"]
    assert conda_asks(channel.url + "/noarch", folder) is None

    (second,) = await refresh(channel.url, ["noarch"], folder)
    assert second == replace(first, status=Status.FRESH, bytes_transferred=0)
    assert len(channel.asked) == 1

    age(first.path, refresh_ns=1)
    assert conda_asks(channel.url + "/noarch", folder) == {
        "If-None-Match": zst.etag,
        "If-Modified-Since": zst.last_modified,
    }
    before = state_of(first.path)
    (third,) = await refresh(channel.url, ["noarch"], folder)
    assert third == replace(first, status=Status.UNCHANGED, bytes_transferred=0)
    assert zst.body_bytes_sent == zst.size
    after = state_of(first.path)
    assert after.pop("refresh_ns") > before.pop("refresh_ns") == 1
    assert after == before

    changed = repodata(count=300)
    channel.change("noarch", changed)
    (fourth,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert fourth.status == "fetched"
    assert read(fourth) == changed
    assert channel.asked == ["/noarch/repodata.json.zst"] * 3
    assert sorted(os.listdir(folder)) == sorted(
        os.path.basename(fourth.path.removesuffix("json") + end) for end in ("json", "info.json")
    )


async def test_the_state_has_every_key_that_conda_reads(channel, folder):
    data = channel.publish("noarch")
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    state, about = state_of(outcome.path), os.stat(outcome.path)
    hashed = hashlib.blake2b(data, digest_size=32).hexdigest()
    checked = datetime.fromisoformat(state["has_zst"].pop("last_checked"))
    assert abs(datetime.now(UTC) - checked) < timedelta(minutes=1)
    del state["asyncfetch"]
    assert abs(state.pop("refresh_ns") - about.st_mtime_ns) < 60 * 10**9
    assert state == {
        "url": channel.url + "/noarch",
        "etag": channel.files["noarch", "zst"].etag,
        "mod": channel.files["noarch", "zst"].last_modified,
        "cache_control": "public, max-age=1200",
        "size": about.st_size,
        "mtime_ns": about.st_mtime_ns,
        "has_zst": {"value": True},
        "blake2_256": hashed,
        "blake2_256_nominal": hashed,
    }


async def test_many_at_once_in_the_order_asked(http_server, folder):
    channels = [Served(http_server, f"/channel-{number}") for number in range(3)]
    subdirs = ["noarch", "linux-64", "osx-arm64"]
    bodies = [one.publish(subdir) for one in channels for subdir in subdirs]
    async with a_client() as client:
        outcomes = await prefetch([one.url for one in channels], subdirs, folder, client=client)
    assert [(one.channel, one.subdir) for one in outcomes] == [
        (one.url, subdir) for one in channels for subdir in subdirs
    ]
    assert [read(one) for one in outcomes] == bodies
    assert len(http_server.requests) == 9


async def test_the_same_twice_is_one_request(channel, folder):
    channel.publish("noarch")
    async with a_client() as client:
        outcomes = await prefetch([channel.url, channel.url + "/"], ["noarch", "noarch"], folder, client=client)
    assert {one.status for one in outcomes} == {"fetched"}
    assert len(outcomes) == 4
    assert len(channel.asked) == 1


async def test_two_at_once_are_one_transfer(channel, folder):
    go_on = threading.Event()
    data = channel.publish("noarch", always=[AGE, Hold(go_on)])
    outcomes = []

    async def one():
        outcomes.extend(await refresh(channel.url, ["noarch"], folder))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        await anyio.to_thread.run_sync(channel.server.wait_until, lambda: channel.files["noarch", "zst"].hits)
        tasks.start_soon(one)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert sorted(one.status for one in outcomes) == ["fetched", "fresh"]
    assert [read(one) for one in outcomes] == [data, data]
    assert len(channel.asked) == 1


async def test_who_waits_for_one_that_fails_asks_itself(channel, folder):
    go_on = threading.Event()
    channel.publish("noarch", faults=[(Hold(go_on), Answers(500))])
    outcomes = []

    async def one():
        outcomes.extend(await refresh(channel.url, ["noarch"], folder))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        await anyio.to_thread.run_sync(channel.server.wait_until, lambda: channel.files["noarch", "zst"].hits)
        tasks.start_soon(one)
        await anyio.wait_all_tasks_blocked()
        go_on.set()
    assert sorted(one.status for one in outcomes) == ["failed", "fetched"]
    assert len(channel.asked) == 2


async def test_whoever_holds_it_up_is_not_waited_for_for_ever(channel, folder, monkeypatch):
    monkeypatch.setattr("asyncfetch.repodata._part.PATIENCE", 0.03)
    data = channel.publish("noarch")
    os.makedirs(folder)
    async with claimed(f"{folder}/{key(channel.url + '/noarch')}.json"):
        (outcome,) = await refresh(channel.url, ["noarch"], folder)
    assert (outcome.status, read(outcome)) == ("fetched", data)
    assert len(os.listdir(folder)) == 2


async def test_cancelled_it_leaves_what_was_there(channel, folder):
    data = channel.publish("noarch", repodata(count=50_000))
    await refresh(channel.url, ["noarch"], folder)
    channel.change("noarch", repodata(count=60_000))
    channel.files["noarch", "zst"].always = (AGE, Stall(1_000))
    async with anyio.create_task_group() as tasks:

        async def one():
            await refresh(channel.url, ["noarch"], folder, ttl=0)

        tasks.start_soon(one)
        await anyio.to_thread.run_sync(channel.server.wait_until, lambda: channel.files["noarch", "zst"].hits > 1)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    (held,) = await refresh(channel.url, ["noarch"], folder)
    assert (held.status, read(held)) == ("fresh", data)
    assert len(os.listdir(folder)) == 2


async def test_without_a_client_one_is_made_and_only_if_need_be(channel, folder, monkeypatch):
    data = channel.publish("noarch")
    (outcome,) = await prefetch(channel.url, "noarch", folder)
    assert read(outcome) == data
    monkeypatch.setattr("asyncfetch.Client.__init__", None)
    (outcome,) = await prefetch([channel.url], ["noarch"], folder)
    assert outcome.status == "fresh"


async def test_an_observer_hears_of_each_subdir(channel, folder):
    channel.publish("noarch")
    channel.publish("linux-64", forms=())
    heard = []
    async with a_client(observer=heard.append) as client:
        await refresh(channel.url, ["noarch", "linux-64", "osx-64"], folder, client=client)
    noarch = [event for event in heard if event.fetch.url.name == "noarch"]
    assert isinstance(noarch[0], Started)
    assert isinstance(noarch[-1], Finished)
    assert noarch[-1].result.transferred == channel.files["noarch", "zst"].size
    assert noarch[-1].result.path == noarch[-1].fetch.to
    assert isinstance(noarch[-1].fetch, Fetch)


# --- what is there, and what is not


async def test_an_architecture_that_is_not_there_is_empty_as_conda_has_it(channel, folder):
    channel.publish("noarch")
    first, second = await refresh(channel.url, ["linux-64", "noarch"], folder)
    assert first == Outcome(channel.url, "linux-64", None, Status.ABSENT)
    assert second.status == "fetched"
    path = f"{folder}/{key(channel.url + '/linux-64')}.json"
    assert contents(path) == b"{}"
    assert state_of(path)["has_zst"]["value"] is False
    channel.forget()
    (again,) = await refresh(channel.url, ["linux-64"], folder)
    assert again == first
    assert channel.asked == ["/linux-64/repodata.json"]
    (young,) = await refresh(channel.url, ["linux-64"], folder, ttl=60)
    assert young == first
    assert len(channel.asked) == 1


async def test_a_subdir_that_comes_to_be(channel, folder):
    await refresh(channel.url, ["linux-64"], folder)
    data = channel.publish("linux-64", forms=["json"])
    (outcome,) = await refresh(channel.url, ["linux-64"], folder)
    assert (outcome.status, read(outcome)) == ("fetched", data)


@pytest.mark.parametrize("known", [{}, {"etag": None, "last_modified": None}])
async def test_an_empty_object_that_is_served_is_a_file_like_any_other(channel, folder, known):
    channel.publish("noarch", b"{}", **known)
    channel.publish("linux-64", b"{}", **known)
    for status in ("fetched", "fresh"):
        outcomes = await refresh(channel.url, ["noarch", "linux-64"], folder)
        assert [(one.status, read(one)) for one in outcomes] == [(status, b"{}")] * 2


async def test_what_conda_holds_of_a_subdir_that_is_not_there(channel, folder):
    os.makedirs(folder)
    path = f"{folder}/{key(channel.url + '/linux-64')}.json"
    about = put(path, b"{}")
    state = {"mtime_ns": about.st_mtime_ns, "size": 2, "refresh_ns": time.time_ns(), "_url": channel.url}
    put(info(path), json.dumps(state).encode())
    (outcome,) = await refresh(channel.url, ["linux-64"], folder, ttl=60)
    assert outcome == Outcome(channel.url, "linux-64", None, Status.ABSENT)
    assert channel.asked == []


async def test_a_channel_without_noarch_is_no_channel(channel, folder):
    channel.publish("linux-64")
    first, second = await refresh(channel.url, ["noarch", "linux-64"], folder)
    assert (first.status, first.path) == ("failed", None)
    assert isinstance(first.error, NotFound)
    assert "no such channel" in str(first.error)
    assert second.status == "fetched"
    assert not os.path.exists(f"{folder}/{key(channel.url + '/noarch')}.json")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("subdir", ["noarch", "linux-64"])
async def test_who_may_not_is_told_so_and_no_channel_is_empty(channel, folder, status, subdir):
    channel.publish("osx-64")
    channel.publish(subdir, always=[Answers(status)])
    first, second = await refresh(channel.url, [subdir, "osx-64"], folder)
    assert first.status == "failed"
    assert isinstance(first.error, AccessDenied)
    assert second.status == "fetched"
    assert not os.path.exists(f"{folder}/{key(channel.url + '/' + subdir)}.json")


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
async def test_only_a_404_teaches_that_a_format_is_absent(channel, folder, status):
    data = channel.publish("noarch")
    zst = channel.files["noarch", "zst"]
    zst.always = (Answers(status),)
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    if status in {403, 404, 410}:  # S3 says 403 of what is not there
        assert (outcome.status, read(outcome)) == ("fetched", data)
        assert (state_of(outcome.path).get("has_zst") is not None) is (status == 404)
    else:
        assert outcome.status == "failed"
        assert isinstance(outcome.error, AccessDenied if status == 401 else Busy)
    zst.always = (AGE,)
    channel.forget()
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert channel.asked == ["/noarch/repodata.json" + ("" if status == 404 else ".zst")]


async def test_what_was_absent_is_looked_for_again_after_a_week(channel, folder):
    data = channel.publish("noarch", forms=["json"])
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    assert channel.asked == ["/noarch/repodata.json.zst", "/noarch/repodata.json"]
    channel.forget()
    await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert channel.asked == ["/noarch/repodata.json"]
    old = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    age(outcome.path, has_zst={"last_checked": old, "value": False})
    channel.forget()
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert channel.asked == ["/noarch/repodata.json.zst", "/noarch/repodata.json"]
    assert (outcome.status, outcome.bytes_transferred, read(outcome)) == ("unchanged", 0, data)
    assert state_of(outcome.path)["has_zst"]["last_checked"] > old
    channel.publish("noarch", forms=["zst"])
    age(outcome.path, has_zst={"last_checked": old, "value": False})
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert outcome.status == "fetched"
    assert state_of(outcome.path)["has_zst"]["value"] is True


async def test_one_that_fails_ends_no_other(channel, folder):
    channel.publish("noarch")
    channel.publish("linux-64", always=[Answers(500)])
    channel.publish("osx-64")
    outcomes = await refresh(channel.url, ["linux-64", "noarch", "win-64", "osx-64"], folder)
    assert [one.status for one in outcomes] == ["failed", "fetched", "absent", "fetched"]


async def test_a_transport_of_somebodys_that_breaks_fails_its_own_subdir_only(channel, folder, caplog):
    class Broken:
        def open(self, request):
            raise ZeroDivisionError("ours")

        async def aclose(self):
            pass

    channel.publish("noarch")
    async with a_client(transports={"broken": Broken()}) as client:
        first, second = await prefetch(["broken://h/a", channel.url], ["noarch"], folder, client=client)
    assert (first.status, second.status) == ("failed", "fetched")
    assert type(first.error) is FetchError
    assert isinstance(first.error.__cause__, ZeroDivisionError)
    assert "unexpected" in caplog.text


# --- arguments


@pytest.mark.parametrize(
    "wrong",
    [
        {"formats": ()}, {"formats": ["bz2"]}, {"formats": "jlap"}, {"ttl": -1}, {"ttl": "1"}, {"subdirs": ["a/b"]},
        {"channels": ["a b"]}, {"cache_dir": ""}, {"cache_dir": "\0"}, {"alias": "nonsense"},
        {"tokens": {"https://h": ""}},
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_said_before_anything_is_done(tmp_path, wrong):
    arguments = {"channels": ["main"], "subdirs": ["noarch"], "cache_dir": str(tmp_path / "cache"), **wrong}
    with pytest.raises((MistakeError, InvalidUrl)):
        await prefetch(arguments.pop("channels"), arguments.pop("subdirs"), arguments.pop("cache_dir"), **arguments)
    assert os.listdir(tmp_path) == []


async def test_nothing_asked_for_is_nothing_done(tmp_path):
    assert await prefetch([], ["noarch"], tmp_path / "cache") == []
    assert await prefetch(["main"], [], tmp_path / "cache") == []
    assert os.listdir(tmp_path) == []


async def test_a_folder_that_cannot_be_made(channel, tmp_path):
    (tmp_path / "file").write_text("")
    channel.publish("noarch")
    (outcome,) = await refresh(channel.url, ["noarch"], str(tmp_path / "file" / "cache"))
    assert isinstance(outcome.error, NotWritable)
    (outcome,) = await refresh(channel.url, ["noarch"], "/proc/nowhere/cache")
    assert isinstance(outcome.error, NotWritable)
    assert channel.asked == []


async def test_no_more_at_a_time_than_the_client_allows(http_server, folder):
    channels = [Served(http_server, f"/c{number}") for number in range(12)]
    for one in channels:
        one.publish("noarch")
    async with a_client(limits=Limits(per_host=2)) as client:
        outcomes = await prefetch([one.url for one in channels], ["noarch"], folder, client=client)
    assert {one.status for one in outcomes} == {"fetched"}
    assert http_server.connections <= 2


async def test_few_files_are_open_however_many_subdirs_there_are(channel, folder):
    subdirs = [f"s{number}" for number in range(40)]
    go_on = threading.Event()
    for subdir in subdirs:
        channel.publish(subdir, always=[AGE, Hold(go_on)])
    counts = []

    def look():
        channel.server.wait_until(lambda: len(channel.server.requests) == 3)
        counts.append(sum(name.endswith(".part") for name in os.listdir(folder)))
        go_on.set()

    async with a_client(limits=Limits(total=3, per_host=3)) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, look)
        outcomes = await refresh(channel.url, subdirs, folder, client=client)
    assert {one.status for one in outcomes} == {"fetched"}
    assert 3 <= counts[0] <= 6


@pytest.mark.parametrize("durable", [True, False])
async def test_durable_means_that_file_state_and_names_are_on_the_disk(channel, folder, monkeypatch, durable):
    channel.publish("noarch")
    channel.publish("linux-64", forms=())
    synced = []
    sync = os.fsync
    monkeypatch.setattr("os.fsync", lambda one: (synced.append(os.readlink(f"/proc/self/fd/{one}")), sync(one))[1])
    async with a_client(settings={"durable": durable}) as client:
        await refresh(channel.url, ["noarch", "linux-64"], folder, client=client)
    names = [os.path.basename(path) for path in synced]
    ours = [name for name in names if name == "cache" or name.endswith((".part", ".tmp"))]
    assert sorted(name.rpartition(".")[2] for name in ours) == (
        ["cache", "cache", "part", "part", "tmp", "tmp"] * durable
    )


async def test_without_zstandard_it_comes_as_it_is(channel, folder, monkeypatch, caplog):
    data = channel.publish("noarch")
    monkeypatch.setattr("asyncfetch.repodata._prefetch.find_spec", lambda name: None)
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    assert read(outcome) == data
    assert channel.asked == ["/noarch/repodata.json"]
    assert "asyncfetch[repodata]" in caplog.text
    with pytest.raises(MistakeError, match="zstandard"):
        await refresh(channel.url, ["noarch"], folder, formats=["zst"])
