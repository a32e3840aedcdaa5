"""What comes over the wire: whole, cut, damaged, too long, or something else altogether."""

import json
import os
import random
import threading
import zlib

import anyio
import pytest

from asyncfetch import DigestMismatch, ProtocolViolation, Retry, TooLarge
from asyncfetch.testing import Chunked, CloseDelimited, Cut, IgnoreRange, ReprDigest, Stall

from .scene import AGE, a_client, compressed, contents, key, read, refresh, repodata, state_of

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]


@pytest.mark.parametrize("framing", [(), (Chunked(piece=700),), (CloseDelimited(),)])
@pytest.mark.parametrize("forms", [["zst"], ["json"]])
async def test_however_it_is_framed(channel, folder, framing, forms):
    data = channel.publish("noarch", repodata(count=30_000), forms=forms, always=[AGE, *framing])
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    assert outcome.error is None
    assert read(outcome) == data
    assert outcome.bytes_transferred == channel.files["noarch", forms[0]].size


TEXT = repodata(count=3_000)
FRAME = compressed(TEXT)
HALF = FRAME[: len(FRAME) // 2]
NOT_ZST = {
    "html": b"<html>log in</html>",
    "json": TEXT,
    "empty": b"",
    "cut": HALF,
    "cut at its end": FRAME[:-1],
    "garbage behind": FRAME + b"garbage",
    "damaged": compressed(TEXT, write_checksum=True)[:-1] + b"!",
    "gzip": zlib.compress(TEXT, wbits=31),
}


@pytest.mark.parametrize("what", NOT_ZST)
async def test_what_is_not_whole_zst_is_not_used_but_the_json_is(channel, folder, what):
    channel.publish("noarch", TEXT)
    channel.files["noarch", "zst"].change(NOT_ZST[what])
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    assert (outcome.status, read(outcome)) == ("fetched", TEXT)
    assert "has_zst" not in state_of(outcome.path)
    assert outcome.bytes_transferred == len(TEXT) + len(NOT_ZST[what])


@pytest.mark.parametrize("what", NOT_ZST)
async def test_what_is_not_whole_zst_is_refused_where_there_is_no_json(channel, folder, what):
    channel.publish("linux-64", TEXT, forms=["zst"])
    channel.files["linux-64", "zst"].change(NOT_ZST[what])
    (outcome,) = await refresh(channel.url, ["linux-64"], folder)
    assert outcome.status == "failed"
    assert isinstance(outcome.error, ProtocolViolation)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("data", [b"<html></html>", b"", b"[1]", b'{"packages": {', b'"x"', b"\0" * 50])
@pytest.mark.parametrize("form", ["zst", "json"])
async def test_what_is_no_json_object_is_refused(channel, folder, data, form):
    held = channel.publish("noarch", forms=[form])
    await refresh(channel.url, ["noarch"], folder, formats=[form])
    channel.change("noarch", data)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0, formats=[form])
    assert outcome.status == "failed"
    assert isinstance(outcome.error, ProtocolViolation)
    (held_one,) = await refresh(channel.url, ["noarch"], folder, offline=True)
    assert read(held_one) == held


@pytest.mark.parametrize("data", [b" \n{}\n ", b'{"a": 1}\n', b"\xef\xbb\xbf{}", b'{"packages": {}}' + b" " * 40])
async def test_space_around_it_does_no_harm(channel, folder, data):
    channel.publish("noarch", data)
    (outcome,) = await refresh(channel.url, ["noarch"], folder)
    assert read(outcome) == data


@pytest.mark.parametrize("form", ["zst", "json"])
async def test_what_comes_out_is_bounded(channel, folder, form):
    data = b'{"x": "' + b" " * 3_000_000 + b'"}'
    channel.publish("noarch", data, forms=[form], always=[AGE, Chunked(piece=1000)])
    (outcome,) = await refresh(channel.url, ["noarch"], folder, limit=1_000_000)
    assert isinstance(outcome.error, TooLarge)
    assert os.listdir(folder) == []
    (outcome,) = await refresh(channel.url, ["noarch"], folder, limit=len(data))
    assert outcome.status == "fetched"


async def test_a_declared_size_beyond_the_bound_is_not_even_fetched(channel, folder):
    channel.publish("noarch", repodata(count=20_000), forms=["json"])
    (outcome,) = await refresh(channel.url, ["noarch"], folder, limit=1000, formats=["json"])
    assert isinstance(outcome.error, TooLarge)
    assert outcome.bytes_transferred == 0


@pytest.mark.parametrize("form", ["zst", "json"])
async def test_what_the_source_declares_is_checked(channel, folder, form):
    data = channel.publish("noarch", forms=[form], always=[AGE, ReprDigest()])
    (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=[form])
    assert read(outcome) == data
    channel.change("noarch", repodata(count=3))
    channel.files["noarch", form].always = (AGE, ReprDigest("sha-256=:" + "A" * 43 + "=:"))
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0, formats=[form])
    assert isinstance(outcome.error, DigestMismatch)
    assert state_of(f"{folder}/{key(channel.url + '/noarch')}.json")["size"] == len(data)


async def test_a_cut_that_only_the_json_shows(channel, folder):
    """HTTP/1.0: the end of the connection is the end of the body, wherever it comes."""
    held = channel.publish("noarch")
    await refresh(channel.url, ["noarch"], folder, formats=["json"])
    changed = repodata(count=3_000)
    channel.change("noarch", changed)
    behind_a_record = changed.index(b"}", 9_000) + 1
    channel.files["noarch", "json"].always = (AGE, CloseDelimited(), Cut(behind_a_record))
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0, formats=["json"])
    assert (outcome.status, type(outcome.error)) == ("failed", ProtocolViolation)
    assert contents(f"{folder}/{key(channel.url + '/noarch')}.json") == held


async def test_what_comes_slowly_is_in_the_part_soon(channel, folder, monkeypatch):
    """Other processes see by it that this one gets on."""
    monkeypatch.setattr("asyncfetch.repodata._pour._LONG", -1)
    go_on = threading.Event()
    data = channel.publish("noarch", forms=["json"], always=[AGE, Stall(2_000, until=go_on)])
    part = f"{folder}/{key(channel.url + '/noarch')}.json.part"
    outcomes = []

    async def one():
        outcomes.extend(await refresh(channel.url, ["noarch"], folder, formats=["json"]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one)
        with anyio.fail_after(20):
            while not (os.path.exists(part) and os.path.getsize(part)):  # noqa: ASYNC110 - a file tells nobody that it grows
                await anyio.sleep(0.005)
        assert contents(part) == data[: os.path.getsize(part)]
        go_on.set()
    assert read(outcomes[0]) == data


@pytest.mark.parametrize("form", ["zst", "json"])
async def test_a_line_end_behind_the_last_full_piece(channel, folder, form, monkeypatch):
    monkeypatch.setattr("asyncfetch.repodata._pour._ENOUGH", 1)
    data = repodata() + b"\n"
    channel.publish("noarch", data, forms=[form], always=[AGE, Chunked(piece=len(data) - 1)])
    (outcome,) = await refresh(channel.url, ["noarch"], folder, formats=[form])
    assert read(outcome) == data


async def test_a_cut_goes_on_where_it_was(channel, folder):
    data = channel.publish("noarch", json.dumps({"x": [random.Random(1).randbytes(500_000).hex()]}).encode())
    zst = channel.files["noarch", "zst"]
    zst.cue(Cut(100_000), Cut(50_000))
    async with a_client(settings={"retry": Retry(backoff=0)}) as client:
        (outcome,) = await refresh(channel.url, ["noarch"], folder, client=client)
    assert read(outcome) == data
    assert zst.hits == 3
    assert outcome.bytes_transferred == zst.size


async def test_a_cut_that_stays_leaves_what_is_held(channel, folder):
    data = channel.publish("noarch")
    await refresh(channel.url, ["noarch"], folder)
    channel.change("noarch", repodata(count=3_000))
    channel.files["noarch", "zst"].always = (AGE, Cut(500), IgnoreRange())
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0)
    assert (outcome.status, outcome.path, outcome.stale) == ("failed", None, False)
    (outcome,) = await refresh(channel.url, ["noarch"], folder, ttl=0, stale=True)
    assert (outcome.status, outcome.stale) == ("failed", True)
    assert read(outcome) == data
    assert outcome.error is not None
    assert len(os.listdir(folder)) == 2
