"""prefetch with a journal of patches (JLAP): asked for when named, believed when proven, else the whole file comes."""

import os

import pytest

from asyncfetch.testing import Status

from .jlap.journal import Journal, blake, repodata, written
from .scene import AGE, a_client, age, conda_asks, contents, info, put, read, refresh, state_of

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]
FORMS = ("jlap", "zst", "json")
OLD, NEW, NEWEST = (written(repodata(*(f"p{number}" for number in range(count)))) for count in (300, 301, 302))


@pytest.fixture
def journal(channel):
    """What the server has: the old file held by everybody, the new one, and the way from one to the other."""
    channel.publish("noarch", OLD)
    return Journal()


def publish(channel, journal):
    path = f"{channel.name}/noarch/repodata.jlap"
    if ("noarch", "jlap") in channel.files:
        channel.files["noarch", "jlap"].change(journal.text)
    else:
        channel.files["noarch", "jlap"] = channel.server.serve(path, journal.text)
    return channel.files["noarch", "jlap"]


def change(channel, data):
    from .scene import compressed

    channel.files["noarch", "zst"].change(compressed(data))
    channel.files["noarch", "json"].change(data)


async def test_a_file_is_patched_and_goes_on_from_there(channel, folder, journal):
    (first,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS)
    assert (first.status, channel.asked) == ("fetched", ["/noarch/repodata.json.zst"])
    before = state_of(first.path)

    change(channel, NEW)
    served = publish(channel, journal.add(OLD, NEW))
    channel.forget()
    (patched,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS, ttl=0)
    assert (patched.status, read(patched), channel.asked) == ("patched", NEW, ["/noarch/repodata.jlap"])
    assert 0 < patched.bytes_transferred == served.body_bytes_sent < channel.files["noarch", "zst"].size
    state = state_of(patched.path)
    assert state["blake2_256"] == state["blake2_256_nominal"] == blake(NEW).hex()
    assert state["jlap"]["pos"] == journal.text.rindex(b"\n", 0, journal.text.rindex(b"\n")) + 1
    assert state["has_jlap"]["value"] is True
    assert (state["etag"], state["cache_control"]) == (before["etag"], before["cache_control"])
    assert conda_asks(channel.url + "/noarch", folder) is None

    channel.forget()
    (same,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS, ttl=0)
    assert (same.status, same.bytes_transferred, channel.asked) == ("unchanged", 0, ["/noarch/repodata.jlap"])

    change(channel, NEWEST)
    publish(channel, journal.add(NEW, NEWEST))
    (patched,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS, ttl=0)
    assert (patched.status, read(patched)) == ("patched", NEWEST)
    assert sorted(os.listdir(folder)) == sorted(map(os.path.basename, (patched.path, info(patched.path))))


async def test_a_source_that_goes_back_to_the_file_before_the_patch(channel, folder, journal):
    """The validators of the file before are still in the state, as conda keeps them; they say nothing of ours."""
    (first,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS)
    tag = channel.files["noarch", "zst"].etag
    publish(channel, journal.add(OLD, NEW))
    (patched,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS, ttl=0)
    assert (patched.status, state_of(first.path)["etag"]) == ("patched", tag)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert (outcome.status, read(outcome)) == ("fetched", OLD)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert outcome.status == "unchanged"


async def test_it_is_not_asked_for_unless_named(channel, folder, journal):
    publish(channel, journal.add(OLD, NEW))
    await refresh(channel.url, ["noarch"], folder)
    await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert channel.asked == ["/noarch/repodata.json.zst"] * 2


async def test_without_one_it_is_not_looked_for_again_for_a_week(channel, folder, journal):
    (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS)
    for expected in (["/noarch/repodata.jlap", "/noarch/repodata.json.zst"], ["/noarch/repodata.json.zst"]):
        channel.forget()
        (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS, ttl=0)
        assert (outcome.status, channel.asked) == ("unchanged", expected)
    assert state_of(outcome.path)["has_jlap"]["value"] is False


@pytest.mark.parametrize("doubt", ["broken", "not from here", "wrong patch", "500", "empty"])
async def test_on_any_doubt_the_whole_file_comes(channel, folder, journal, doubt):
    await refresh(channel.url, ["noarch"], folder, formats=FORMS)
    change(channel, NEW)
    journal.add(NEWEST if doubt == "not from here" else OLD, NEW, [] if doubt == "wrong patch" else None)
    served = publish(channel, journal)
    if doubt == "broken":
        served.change(journal.text.replace(b'"op"', b'"0p"', 1))
    elif doubt == "empty":
        served.change(b"")
    elif doubt == "500":
        served.always = (Status(500),)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS, ttl=0)
    assert (outcome.status, read(outcome)) == ("fetched", NEW)
    assert "jlap" not in state_of(outcome.path)
    assert "has_jlap" not in state_of(outcome.path)
    assert len(os.listdir(folder)) == 2


async def test_what_conda_patched_itself_is_not_patched_by_us(channel, folder, journal):
    (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS)
    rewritten = written(repodata("conda's own"), "spaced")
    about = put(outcome.path, rewritten)
    age(outcome.path, size=about.st_size, mtime_ns=about.st_mtime_ns, blake2_256=blake(rewritten).hex())
    change(channel, NEW)
    publish(channel, journal.add(OLD, NEW))
    channel.forget()
    (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS, ttl=0)
    assert (outcome.status, contents(outcome.path), channel.asked) == ("fetched", NEW, ["/noarch/repodata.json.zst"])


async def test_what_is_held_and_touched_is_not_patched(channel, folder, journal):
    (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS)
    os.utime(outcome.path, ns=(1, 1))
    publish(channel, journal.add(OLD, NEW))
    channel.files["noarch", "zst"].always = (AGE,)
    channel.forget()
    (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=FORMS)
    assert (outcome.status, channel.asked) == ("fetched", ["/noarch/repodata.json.zst"])


async def test_a_patched_file_is_on_the_disk_when_that_is_asked_for(channel, folder, journal, monkeypatch):
    await refresh(channel.url, ["noarch"], folder)
    publish(channel, journal.add(OLD, NEW))
    synced, sync = [], os.fsync

    def spied(descriptor):
        synced.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr("os.fsync", spied)
    async with a_client(settings={"durable": True}) as client:
        (outcome,) = await refresh(channel.url, ["noarch"], folder, client=client, formats=FORMS, ttl=0)
    assert outcome.status == "patched"
    assert len(NEW) in synced
