"""What is held, asked about, and believed: validators, other writers, and old or broken states."""

import json
import os

import pytest

from asyncfetch.testing import Status as Answers

from .scene import age, conda_asks, contents, info, key, put, read, refresh, repodata, state_of

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]


async def test_a_source_that_does_not_know_conditions_sends_the_same_and_it_is_left(channel, folder):
    channel.publish("noarch", forms=["json"])
    (first,) = await refresh(channel.url, ["noarch"], folder, formats=["json"])
    json_file = channel.files["noarch", "json"]
    whole = Answers(200, headers=(("ETag", json_file.etag), ("Cache-Control", "max-age=1")), body=json_file.data)
    json_file.always = (whole,)
    before = os.stat(first.path)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0, formats=["json"])
    assert outcome.status == "unchanged"
    assert os.stat(first.path).st_ino == before.st_ino


@pytest.mark.parametrize("known", [{"etag": None}, {"last_modified": None}])
async def test_one_validator_is_enough(channel, folder, known):
    channel.publish("noarch", **known)
    await refresh(channel.url, ["noarch"], folder)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert outcome.status == "unchanged"


async def test_a_weak_tag_is_enough_to_ask_with(channel, folder):
    channel.publish("noarch", etag='W/"weak"', last_modified=None)
    await refresh(channel.url, ["noarch"], folder)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert outcome.status == "unchanged"


async def test_without_validators_it_is_fetched_again(channel, folder):
    channel.publish("noarch", etag=None, last_modified=None)
    await refresh(channel.url, ["noarch"], folder)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert outcome.status == "fetched"


async def test_a_304_without_a_tag_keeps_the_old_one(channel, folder):
    channel.publish("noarch")
    (first,) = await refresh(channel.url, ["noarch"], folder)
    tag = state_of(first.path)["etag"]
    channel.files["noarch", "zst"].always = (Answers(304),)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert outcome.status == "unchanged"
    assert state_of(first.path)["etag"] == tag
    assert state_of(first.path)["cache_control"] == "public, max-age=1200"


@pytest.mark.parametrize(
    "change", ["touched", "longer", "gone", "no state", "broken state", "empty state", "half a state"]
)
async def test_validators_are_void_when_the_file_is_not_what_the_state_says(channel, folder, change):
    data = channel.publish("noarch")
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    path = outcome.path
    about, text = os.stat(path), contents(info(path))
    if change == "touched":
        os.utime(path, ns=(1, 1))
    elif change == "longer":
        put(path, data + b" ")
        os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns))
    elif change == "gone":
        os.unlink(path)
    elif change == "no state":
        os.unlink(info(path))
    else:
        broken = {"broken state": text + text, "empty state": b"", "half a state": text[: len(text) // 2]}
        put(info(path), broken[change])
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    assert (outcome.status, read(outcome)) == ("fetched", data)
    assert not {"if-none-match", "if-modified-since"} & {
        name.lower() for name, _ in channel.server.requests[-1].headers
    }
    assert conda_asks(channel.url + "/noarch", folder) is None


async def test_a_state_that_conda_wrote_years_ago_is_asked_with(channel, folder):
    data = channel.publish("noarch", forms=["json"])
    path = f"{folder}/{key(channel.url + '/noarch')}.json"
    os.makedirs(folder)
    about = put(path, data)
    old = {
        "_etag": channel.files["noarch", "json"].etag, "_mod": None, "_url": 7, "size": about.st_size,
        "mtime_ns": about.st_mtime_ns, "has_zst": {"last_checked": "nonsense", "value": False}, "kept": [1],
    }  # fmt: skip
    put(info(path), json.dumps(old).encode())
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    assert outcome.status == "unchanged"
    state = state_of(path)
    assert state["etag"] == old["_etag"]
    assert state["kept"] == [1]
    assert not [name for name in state if name.startswith("_")]


async def test_what_conda_fetched_meanwhile_is_not_asked_for_again(channel, folder):
    """conda writes new bytes and a state without ours in it."""
    channel.publish("noarch")
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    changed = repodata(count=7)
    channel.change("noarch", changed)
    about = put(outcome.path, changed)
    age(
        outcome.path,
        size=about.st_size,
        mtime_ns=about.st_mtime_ns,
        etag=channel.files["noarch", "zst"].etag,
        mod=channel.files["noarch", "zst"].last_modified,
    )
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert outcome.status == "unchanged"
