"""Shards and journals are the same over every scheme there is."""

import os

import pytest

from asyncfetch import Client
from asyncfetch.repodata._jlap import Verdict, update
from asyncfetch.repodata._shards import shards
from tests.repodata.jlap.journal import Journal, blake, record, repodata, written

from .channel import INDEX, Sharded

pytestmark = pytest.mark.anyio

SCHEMES = pytest.mark.parametrize("far_end", ["https", "s3", "ftp", "file"], indirect=True)


@SCHEMES
async def test_shards(far_end, tmp_path):
    channel = Sharded({"a": ["b", "c"], "b": ["d >=1"], "c": [], "d": [], "x": []}, shards_base_url="../shards")
    for name, data in channel.files("../shards/").items():
        far_end.publish("c/shards/" + name[10:] if name.startswith("../") else f"c/linux-64/{name}", data)
    url = far_end.url(f"c/linux-64/{INDEX}").removesuffix(f"/linux-64/{INDEX}")
    async with Client(settings=far_end.settings) as client:
        for status in ("fetched", "unchanged"):
            (records,) = await shards(["a"], [url], ["linux-64"], tmp_path, client=client)
            assert (records.status, records.error) == (status, None)
            assert (records.packages, records.packages_conda) == channel.only("a", "b", "c", "d")


@SCHEMES
async def test_a_journal(far_end, tmp_path):
    document, journal = repodata("a"), Journal()
    held, into, state = tmp_path / "held", tmp_path / "into", None
    held.write_bytes(now := written(document))
    async with Client(settings=far_end.settings) as client:
        for number in range(3):
            document["packages"][f"new-{number}.tar.bz2"] = record("new", number)
            journal.add(now, now := written(document))
            url = far_end.publish("c/linux-64/repodata.jlap", journal.text)
            have = blake(held.read_bytes()).hex()
            before = 0 if state is None else state["pos"]
            found = await update(client, url, str(held), str(into), have=have, state=state)
            assert (found.verdict, found.transferred) == (Verdict.PATCHED, len(journal.text) - before)
            os.replace(into, held)
            assert held.read_bytes() == now
            state = found.state
            found = await update(client, url, str(held), str(into), have=found.latest, state=state)
            assert found.verdict is Verdict.CURRENT
