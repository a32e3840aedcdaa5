"""What the tests of the spine share: bodies, ways to make clients, and looks at what was left behind."""

import os
import time

import anyio

import asyncfetch
from asyncfetch import Retry, Settings
from asyncfetch._disk.note import read_note
from asyncfetch._model.exchange import NOTHING
from asyncfetch.testing import MemoryTransport, Pattern

SMALL = Pattern(10_000, seed=1).read()
MIDDLE = Pattern(300_000, seed=2).read()
LARGE = Pattern(3_500_000, seed=3).read()  # several of the sink's buffers
AT_ONCE = Retry(backoff=0.0)  # retries without a pause


def digest_of(data):
    import hashlib

    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def client(transport=None, *, observer=None, auth=None, **settings):
    settings.setdefault("retry", AT_ONCE)
    settings.setdefault("trust_env", False)
    transports = {"memory": transport} if transport is not None else None
    return asyncfetch.Client(settings=Settings(**settings), transports=transports, observer=observer, auth=auth)


def far_end():
    return MemoryTransport()


async def idle(client):
    """Assert that nothing is under way in an open client; a hasher may take a moment to give back its last buffer."""
    assert client._flights._under_way == {}
    assert client._gates._busy == {}
    assert client._gates._waiting == {}
    assert client._gates._free == client.settings.limits.total
    assert client._pulse._watched == {}
    buffers = client._disk.buffers
    for _ in range(1_000):
        buffers._collect()
        if buffers._lent == 0:
            return
        await anyio.sleep(0.001)
    raise AssertionError(f"buffers are out for ever: {buffers!r}")


def whole_or_nothing(folder, data, *, old=None, name="file", truth=None):
    """Assert what holds of a destination at any time; give the number of bytes that a next fetch will find good.

    The destination is absent, or old, or right; beside it lies at most a part with a note, and what the note vouches
    for is the beginning of the body (of ``truth``, if what may resume is not ``data``).
    """
    truth = data if truth is None else truth
    names = set(os.listdir(folder))
    assert names <= {name, f"{name}.part", f"{name}.part.json"}, names
    path = os.path.join(folder, name)
    if name in names:
        with open(path, "rb") as file:
            found = file.read()
        assert found in ((data, old) if old is not None else (data,)), (
            f"{len(found)} other bytes are at the destination"
        )
    else:
        assert old is None, "the old file is gone"
    if f"{name}.part" not in names:
        return 0
    length = os.path.getsize(f"{path}.part")
    held = read_note(f"{path}.part.json", length)
    assert held is not NOTHING, "a part without a valid note was left"
    with open(f"{path}.part", "rb") as file:
        assert file.read(held.length) == truth[: held.length], "the note vouches for wrong bytes"
        for start, stop in held.islands:
            file.seek(start)
            assert file.read(stop - start) == truth[start:stop], "the note vouches for wrong bytes further on"
    return held.length


async def until(true):
    """Wait for something to come true, on the loop."""
    for _ in range(10_000):
        if true():
            return
        await anyio.sleep(0.001)
    raise AssertionError("it did not come true")


def wait_for_note(part, *, at_least):
    """Wait until the note vouches for so many bytes; their number."""
    for _ in range(1_000):
        held = read_note(f"{part}.json", part.stat().st_size) if part.exists() else None
        if held is not None and held.length >= at_least:
            return held.length
        time.sleep(0.01)
    raise AssertionError("the note never said so")
