"""Subdirs of a served channel, in and out of conda's cache: what is asked, and what is said of it."""

import hashlib
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from asyncfetch import Fetch, Finished, Started
from asyncfetch.repodata import Outcome, Status, prefetch
from asyncfetch.repodata._part import claimed
from asyncfetch.testing import Hold, Stall, Status as Answers

from .scene import AGE, Served, a_client, age, conda_asks, key, read, refresh, repodata, state_of

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
