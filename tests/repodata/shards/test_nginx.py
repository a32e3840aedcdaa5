"""A channel as the world serves it: nginx, over TLS, with what it makes of validators, ranges and conditions."""

import os
import time

import pytest

from asyncfetch import Client, Settings, Trust
from asyncfetch.repodata._jlap import Verdict, update
from asyncfetch.repodata._shards import shards
from tests.repodata.jlap.journal import Journal, blake, record, repodata, written
from tests.servers.nginx import missing, nginx

from .channel import Sharded

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


@pytest.fixture(scope="module")
def site(certificate_authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nginx")
    with nginx(folder, certificate_authority) as url:
        (folder / "root" / "c" / "linux-64").mkdir(parents=True)
        yield url + "c", folder / "root" / "c" / "linux-64", folder / "access"


def _asked(access, least=0):
    """What nginx wrote down of ``least`` requests or more: a line comes after its answer."""
    patience = time.monotonic() + 5
    while len(lines := access.read_text().splitlines()) < least and time.monotonic() < patience:
        time.sleep(0.01)
    return lines


@pytest.mark.parametrize("http2", [False, True])
async def test_shards(site, ca_file, tmp_path, http2):
    url, folder, access = site
    count = 150
    channel = Sharded({f"n{one}": [f"n{2 * one + 1}", f"n{2 * one + 2}"] for one in range(count)})
    for name, data in channel.files().items():
        (folder / name).write_bytes(data)
    async with Client(settings=Settings(trust=Trust(verify=ca_file), http2=http2)) as client:
        for status, requests in (("fetched", count + 2), ("unchanged", 1)):
            before = len(_asked(access))
            here, absent = await shards(["n0"], [url], ["linux-64", "noarch"], tmp_path, client=client)
            assert (here.packages, here.packages_conda) == (channel.packages, channel.packages_conda)
            assert (here.status, absent.status) == (status, "absent")
            assert len(_asked(access, before + requests)) - before == requests


async def test_journal(site, ca_file, tmp_path):
    url, folder, access = site
    document = repodata("a", "b")
    held, into = tmp_path / "held", tmp_path / "into"
    now = written(document, "indented")
    held.write_bytes(now)
    journal, page = Journal(), folder / "repodata.jlap"
    state = None
    async with Client(settings=Settings(trust=Trust(verify=ca_file))) as client:

        async def refresh():
            return await update(
                client,
                f"{url}/linux-64/repodata.jlap",
                str(held),
                str(into),
                have=blake(held.read_bytes()).hex(),
                state=state,
            )

        page.unlink(missing_ok=True)
        assert (await refresh()).verdict is Verdict.ABSENT
        for number in range(3):
            document["packages"][f"new-{number}.tar.bz2"] = record("new", number)
            journal.add(now, now := written(document, "indented"))
            page.write_bytes(journal.text)
            os.utime(page, (1_700_000_000 + number,) * 2)  # nginx makes the tag of time and size
            before = 0 if state is None else state["pos"]
            found = await refresh()
            assert (found.verdict, found.transferred) == (Verdict.PATCHED, len(journal.text) - before)
            os.replace(into, held)
            assert held.read_bytes() == now
            state = found.state
            found = await refresh()
            assert (found.verdict, found.transferred) == (Verdict.CURRENT, 0)
    assert [line.rpartition(" ")[2] for line in _asked(access)[-7:]] == [
        "404",
        "200",
        "304",
        "206",
        "304",
        "206",
        "304",
    ]
