"""Arguments that make no sense, and what bounds a prefetch: places, open files, folders, what is installed."""

import os
import threading

import anyio
import pytest

from asyncfetch import InvalidUrl, Limits, MistakeError, NotWritable
from asyncfetch.repodata import prefetch
from asyncfetch.testing import Hold

from .scene import AGE, Served, a_client, read, refresh

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]


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
