"""A repodata.json brought up to date by its journal, over real sockets: what is asked, and what a doubt ends in."""

import errno
import json
import os

import anyio
import pytest

from asyncfetch import Client, LocalError, Offline, Settings
from asyncfetch.repodata._jlap import Verdict, update
from asyncfetch.testing import Corrupt, Cut, HttpServer, IgnoreRange, Status

from .journal import Journal, blake, record, repodata, written

pytestmark = pytest.mark.anyio


@pytest.fixture
def server():
    with HttpServer() as one:
        yield one


class _Channel:
    """A subdir whose repodata.json changes; ``now`` is the newest."""

    def __init__(self, server, style="indented"):
        self.style = style
        self.document = repodata("a", "b", "c")
        self.now = written(self.document, style)
        self.journal = Journal()
        self.journal.latest = self.hash
        self.page = server.serve("/c/linux-64/repodata.jlap", self.journal.text)

    @property
    def hash(self):
        return blake(self.now).hex()

    def change(self, number, **more):
        old = self.now
        self.document["packages.conda"][f"new-1.{number}-0.conda"] = record("new", number, **more)
        self.now = written(self.document, self.style)
        self.journal.add(old, self.now)
        self.page.change(self.journal.text)


class _Held:
    """What lies on disk, and what is known of it."""

    def __init__(self, folder, channel):
        self.path, self.into = folder / "held.json", folder / "new.json"
        self.path.write_bytes(channel.now)
        self.hash, self.state = channel.hash, None
        self.channel = channel

    async def update(self, client, **more):
        found = await update(
            client, self.channel.page.url, str(self.path), str(self.into), have=self.hash, state=self.state, **more
        )
        if found.verdict is Verdict.PATCHED:
            assert found.size == os.path.getsize(self.into)
            os.replace(self.into, self.path)
        if found.verdict in (Verdict.PATCHED, Verdict.CURRENT):
            self.hash, self.state = found.latest, json.loads(json.dumps(found.state))
        assert not self.into.exists()
        return found


@pytest.fixture
def channel(server):
    return _Channel(server)


@pytest.fixture
def held(tmp_path, channel):
    return _Held(tmp_path, channel)


async def test_from_the_start_then_on_from_the_position(channel, held):
    page = channel.page
    async with Client() as client:
        channel.change(0)
        channel.change(1)
        first = await held.update(client)
        assert first.verdict is Verdict.PATCHED
        assert held.path.read_bytes() == channel.now
        assert first.transferred == page.size
        assert page.requests[-1].range is None

        position = first.state["pos"]
        assert (await held.update(client)).verdict is Verdict.CURRENT
        asked = page.requests[-1]
        assert (asked.range, asked.header("if-none-match")) == (
            f"bytes={position}-",
            page.etag and first.state["headers"]["etag"],
        )
        assert page.body_bytes_sent == first.transferred  # 304: not a byte

        channel.change(2)
        third = await held.update(client)
        assert third.verdict is Verdict.PATCHED
        assert held.path.read_bytes() == channel.now
        assert third.transferred == page.size - position
        assert len(page.requests) == 3
    assert third.state["headers"] == {"etag": page.etag, "last-modified": page.last_modified}


async def test_nothing_new_yet(channel, held):
    async with Client() as client:
        found = await held.update(client)
        assert (found.verdict, found.latest, found.size) == (Verdict.CURRENT, channel.hash, len(channel.now))
        channel.change(0)
        assert (await held.update(client)).verdict is Verdict.PATCHED
    assert held.path.read_bytes() == channel.now
    assert channel.page.requests[-1].range is not None


async def test_a_server_that_knows_no_ranges(channel, held):
    channel.page.always = (IgnoreRange(),)
    async with Client() as client:
        for number in range(2):
            channel.change(number)
            assert (await held.update(client)).verdict is Verdict.PATCHED
    assert held.path.read_bytes() == channel.now


async def test_a_journal_made_anew_and_shorter_starts_over(channel, held):
    async with Client() as client:
        for number in range(3):
            channel.change(number)
        assert (await held.update(client)).verdict is Verdict.PATCHED
        channel.journal = Journal()
        channel.change(3)
        found = await held.update(client)
    assert found.verdict is Verdict.PATCHED
    assert held.path.read_bytes() == channel.now
    assert [one.range is None for one in channel.page.requests] == [True, False, True]


async def test_a_journal_made_anew_and_longer_is_a_doubt(channel, held):
    async with Client() as client:
        channel.change(0)
        await held.update(client)
        channel.journal = Journal()
        for number in range(1, 5):
            channel.change(number)
        found = await held.update(client)
    assert found.verdict is Verdict.WHOLE
    assert found.reason


@pytest.mark.parametrize("status", [401, 403, 410, 429, 500, 503])
async def test_only_404_and_410_mean_absent(channel, held, status):
    channel.page.always = (Status(status),)
    async with Client(settings=Settings()) as client:
        channel.change(0)
        with anyio.fail_after(30):
            found = await held.update(client) if status < 420 else await _once(held, status)
    assert found.verdict is (Verdict.ABSENT if status == 410 else Verdict.WHOLE)


async def _once(held, status):
    from asyncfetch import Retry

    async with Client(settings=Settings(retry=Retry(attempts=1))) as client:
        return await held.update(client)


async def test_no_journal(server, channel, held):
    server.remove("/c/linux-64/repodata.jlap")
    async with Client() as client:
        assert (await held.update(client)).verdict is Verdict.ABSENT


async def test_every_corrupted_byte_is_a_doubt(channel, held):
    channel.change(0)
    before = held.path.read_bytes()
    size = channel.page.size
    async with Client() as client:
        for at in range(0, size, size // 20):
            channel.page.always = (Corrupt(at),)
            assert (await held.update(client)).verdict is Verdict.WHOLE
    assert held.path.read_bytes() == before


async def test_a_cut_goes_on_or_is_a_doubt(channel, held):
    channel.change(0)
    channel.page.cue(Cut(100))
    async with Client() as client:
        assert (await held.update(client)).verdict is Verdict.PATCHED
    assert held.path.read_bytes() == channel.now


async def test_a_hash_that_is_not_ours(channel, held):
    channel.change(0)
    held.hash = "ab" * 32
    async with Client() as client:
        found = await held.update(client)
    assert found.verdict is Verdict.WHOLE
    assert "does not know the hash" in found.reason


async def test_a_patch_that_makes_something_else(channel, held):
    channel.journal.add(channel.now, b"something else", [{"op": "remove", "path": "/removed"}])
    channel.page.change(channel.journal.text)
    async with Client() as client:
        found = await held.update(client)
    assert found.verdict is Verdict.WHOLE
    assert "does not have the hash" in found.reason


async def test_a_journal_longer_than_worth_it_is_left_at_once(channel, held):
    for number in range(20):
        channel.change(number, license="x" * 20_000)
    async with Client() as client:
        found = await held.update(client)
        assert found.verdict is Verdict.WHOLE
        assert "cheaper" in found.reason
        assert found.transferred == 0
        assert (await held.update(client, limit=10_000_000)).verdict is Verdict.PATCHED
    assert held.path.read_bytes() == channel.now


async def test_a_secret_in_the_url_is_in_no_reason(server, channel, held):
    server.serve("/t/tk-secret/c/linux-64/repodata.jlap", always=[Status(403)])
    channel.page = server.serve("/t/tk-secret/c/linux-64/repodata.jlap", always=[Status(403)])
    async with Client() as client:
        found = await held.update(client)
    assert found.verdict is Verdict.WHOLE
    assert "secret" not in found.reason
    assert "/t/***/" in found.reason


async def test_offline_and_a_full_disk_are_raised(channel, held):
    channel.change(0)
    async with Client(settings=Settings(offline=True)) as client:
        with pytest.raises(Offline):
            await held.update(client)
    async with Client() as client:
        held.into.symlink_to("/dev/full")  # the link is what gets removed
        with pytest.raises(LocalError) as caught:
            await held.update(client)
    assert caught.value.errno == errno.ENOSPC


async def test_a_journal_beside_files(tmp_path, channel, held):
    channel.change(0)
    (tmp_path / "repodata.jlap").write_bytes(channel.journal.text)
    async with Client() as client:
        url = (tmp_path / "repodata.jlap").as_uri()
        first = await update(client, url, str(held.path), str(held.into), have=held.hash)
        assert first.verdict is Verdict.PATCHED
        os.replace(held.into, held.path)
        again = await update(client, url, str(held.path), str(held.into), have=first.latest, state=first.state)
        assert again.verdict is Verdict.CURRENT
        assert again.transferred < first.transferred
        channel.change(1)
        (tmp_path / "repodata.jlap").write_bytes(channel.journal.text)
        third = await update(client, url, str(held.path), str(held.into), have=first.latest, state=again.state)
        assert third.verdict is Verdict.PATCHED
    assert held.into.read_bytes() == channel.now


async def test_a_cancelled_update_leaves_nothing(channel, held, tmp_path):
    channel.change(0)
    async with Client() as client:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await held.update(client)
    assert os.listdir(tmp_path) == ["held.json"]
