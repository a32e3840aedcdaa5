"""What a channel has, and what it has not: absent subdirs and formats, refusals, and trouble that stays its own."""

import json
import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from asyncfetch import AccessDenied, Busy, FetchError, NotFound
from asyncfetch.repodata import Outcome, Status, prefetch
from asyncfetch.testing import Status as Answers

from .scene import AGE, a_client, age, contents, info, key, put, read, refresh, state_of

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]


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
