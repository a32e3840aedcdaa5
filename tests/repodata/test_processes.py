"""Several processes on one cache, conda among them; and processes that are killed at any moment.

``ASYNCFETCH_KILLS=100`` kills that many.
"""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from asyncfetch import sync
from asyncfetch.repodata._cache import Cached
from asyncfetch.repodata._lock import StateLock
from asyncfetch.testing import Chunked, Hold, HttpServer

from .scene import AGE, Served, compressed, conda_asks, contents, info, is_valid, key, repodata, state_of

fcntl = pytest.importorskip("fcntl", reason="signals and record locks are of POSIX")
ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("ASYNCFETCH_KILLS", "4"))


def keeper(folder, rounds, channel, *subdirs):
    command = [sys.executable, "-m", "tests.repodata.keeping", str(folder), str(rounds), channel, *subdirs]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_are_one_transfer(channel, folder):
    go_on = threading.Event()
    data = channel.publish("noarch", always=[AGE, Hold(go_on)])
    zst = channel.files["noarch", "zst"]
    with keeper(folder, 1, channel.url, "noarch") as first:
        channel.server.wait_until(lambda: zst.hits == 1)  # it has the part, so that the other one has to wait
        with keeper(folder, 1, channel.url, "noarch") as second:
            go_on.set()
            said = sorted(one.communicate()[0].split()[-1] for one in (first, second))
    # the second one may come when all is done, and then asks for itself
    assert said[0] == "fetched"
    assert said[1] in {"fresh", "unchanged"}
    assert zst.body_bytes_sent == zst.size
    assert contents(f"{folder}/{key(channel.url + '/noarch')}.json") == data


@pytest.mark.timeout(60 + KILLS * 10)
def test_killed_at_any_moment_the_cache_is_valid(tmp_path):
    chance = random.Random(6)
    folder = str(tmp_path / "cache")
    versions = [repodata("noarch", 4_000 + number) for number in range(4)]
    bodies = [compressed(version) for version in versions]
    kills = 0
    with HttpServer() as server:
        channel = Served(server)
        for subdir in ("noarch", "linux-64"):
            channel.publish(subdir, versions[0], forms=["zst"], always=[AGE, Chunked(piece=2_000)])
        stop = threading.Event()

        def change():
            turn = random.Random(7)
            while not stop.is_set():
                for resource in channel.files.values():
                    resource.change(turn.choice(bodies))
                time.sleep(0.002)

        changing = threading.Thread(target=change)
        changing.start()
        try:
            for _ in range(KILLS):
                with keeper(folder, 10_000, channel.url, "noarch", "linux-64") as process:
                    assert process.stdout.readline().startswith("round 0")
                    time.sleep(chance.uniform(0, 0.04))
                    process.kill()
                kills += 1
                assert is_valid(folder, versions)
        finally:
            stop.set()
            changing.join()
        for resource in channel.files.values():
            resource.change(bodies[2])
        outcomes = sync.prefetch([channel.url], ["noarch", "linux-64"], folder, ttl=0)
        assert {contents(one.path) for one in outcomes} == {versions[2]}
        assert all(conda_asks(f"{channel.url}/{one.subdir}", folder) is None for one in outcomes)
    assert kills == KILLS


def test_what_the_killed_left_behind_is_swept(channel, folder):
    channel.publish("noarch")
    os.makedirs(folder)
    left = ["0123abcd.json.0123abcd.part", "0123abcd.info.json.0123abcd.tmp", "0123abcd.json.89abcdef.part"]
    for name in [*left, "0123abcd.json", "notes.part"]:
        Path(folder, name).write_bytes(b"x")
    for name in left[:2]:
        os.utime(f"{folder}/{name}", (1, 1))
    sync.prefetch([channel.url], ["noarch"], folder)
    assert not {*left[:2]} & {*os.listdir(folder)}
    assert {left[2], "0123abcd.json", "notes.part"} <= {*os.listdir(folder)}


def test_a_part_that_was_left_behind_is_written_over(channel, folder):
    data = channel.publish("noarch")
    os.makedirs(folder)
    path = f"{folder}/{key(channel.url + '/noarch')}.json"
    Path(path + ".part").write_bytes(b"OLD" * len(data))
    (outcome,) = sync.prefetch([channel.url], ["noarch"], folder)
    assert contents(path) == data == contents(outcome.path)


@pytest.mark.parametrize("planted", ["link", "folder", "hard link"])
def test_a_part_that_was_planted_is_left_alone(channel, folder, tmp_path, planted):
    data = channel.publish("noarch")
    os.makedirs(folder)
    path, victim = f"{folder}/{key(channel.url + '/noarch')}.json", tmp_path / "victim"
    victim.write_bytes(b"precious")
    {"link": os.symlink, "hard link": os.link}.get(planted, lambda _, to: None)(victim, path + ".part")
    if planted == "folder":
        os.mkdir(path + ".part")
    (outcome,) = sync.prefetch([channel.url], ["noarch"], folder)
    assert victim.read_bytes() == b"precious"
    assert outcome.status == ("failed" if planted == "folder" else "fetched")
    assert planted == "folder" or contents(path) == data


# --- conda's lock

_CONDA = """
import fcntl, sys, time
with open(sys.argv[1], "a+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 21)
    print("locked", flush=True)
    sys.stdin.readline()
"""


def conda_locking(path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", _CONDA, path], text=True, **pipes)
    assert process.stdout.readline() == "locked\n"
    return process


def test_the_lock_is_condas_own(tmp_path):
    path = str(tmp_path / "x.info.json")
    lock = StateLock(path)
    with conda_locking(path) as conda:
        assert not lock.take()
        conda.communicate("\n")
    assert lock.take()
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run([sys.executable, "-c", _CONDA, path], check=True, capture_output=True, input=b"")
    assert not StateLock(path).take()  # another thread of ours
    lock.release()
    assert StateLock(path).take() is True


def test_the_lock_of_a_state_that_was_replaced_is_none(tmp_path):
    path = str(tmp_path / "x.info.json")
    lock = StateLock(path)
    assert lock.take()
    Path(path + ".new").write_bytes(b"{}")
    os.replace(path + ".new", path)
    other = StateLock(path)
    assert other.take()
    other.release()
    lock.release()


def test_conda_is_waited_for(channel, folder):
    data = channel.publish("noarch")
    sync.prefetch([channel.url], ["noarch"], folder)
    path = f"{folder}/{key(channel.url + '/noarch')}.json"
    channel.change("noarch", repodata(count=5))
    with conda_locking(info(path)) as conda:
        before = state_of(path)
        working = threading.Thread(target=sync.prefetch, args=([channel.url], ["noarch"], folder), kwargs={"ttl": 0})
        working.start()
        channel.server.wait_until(lambda: channel.files["noarch", "zst"].hits == 2)
        assert (state_of(path), contents(path)) == (before, data)
        conda.communicate("\n")
        working.join()
    assert contents(path) == repodata(count=5)
    assert conda_asks(channel.url + "/noarch", folder) is None


def test_who_never_lets_go_is_not_waited_for_for_ever(channel, folder, monkeypatch):
    monkeypatch.setattr("asyncfetch.repodata._cache._PATIENCE", 0.02)
    data = channel.publish("noarch")
    os.makedirs(folder)
    path = f"{folder}/{key(channel.url + '/noarch')}.json"
    with conda_locking(info(path)) as conda:
        (outcome,) = sync.prefetch([channel.url], ["noarch"], folder)
        assert (outcome.status, contents(path)) == ("fetched", data)
        conda.communicate("\n")


def test_a_state_that_is_being_written_is_waited_for(tmp_path):
    """conda writes it in place: who reads it meanwhile finds half of it."""
    cached = Cached(str(tmp_path), "0123abcd")
    Path(cached.state_path).write_text('{"etag": ')
    with conda_locking(cached.state_path) as conda:
        found = []
        reading = threading.Thread(target=lambda: found.append(cached.look()[0]))
        reading.start()
        Path(cached.state_path).write_text('{"etag": "e"}')
        conda.communicate("\n")
        reading.join()
    assert found[0].text("etag") == "e"
