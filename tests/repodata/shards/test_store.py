"""The store: what was put is there, in any process, and whatever happens to its file fails nobody."""

import hashlib
import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from asyncfetch.repodata._shards.store import Key, Store


def _key(body):
    return Key.verified(hashlib.sha256(body).digest())


def _bodies(count, start=0):
    return {_key(body): body for body in (b"shard %d" % number * 50 for number in range(start, start + count))}


@pytest.fixture
def store(tmp_path):
    one = Store(str(tmp_path))
    yield one
    one.close()


def _file(folder, number=1):
    return folder / f"asyncfetch-shards-{number}.db"


def test_what_was_put_is_there(store, tmp_path):
    bodies = _bodies(1234)
    store.put(bodies.items())
    assert dict(store.get(bodies)) == bodies
    other = Store(str(tmp_path))
    assert dict(other.get([*bodies, _key(b"never put")])) == bodies
    other.close()
    assert dict(store.get([])) == {}


def test_a_body_that_is_not_its_key_is_not_given(store):
    good, bad = _key(b"good"), _key(b"bad")
    store.put([(good, b"good"), (bad, b"worse")])
    assert dict(store.get([good, bad])) == {good: b"good"}
    store.put([(bad, b"bad")])
    assert dict(store.get([bad])) == {bad: b"bad"}


def test_unverified_ones_do_not_pass_for_verified_ones(store):
    digest = hashlib.sha256(b"body").digest()
    here, there = Key.unverified(digest, "https://a/"), Key.unverified(digest, "https://b/")
    store.put([(here, b"other body")])
    assert dict(store.get([here, there, Key.verified(digest)])) == {here: b"other body"}


def test_nothing_of_a_url_is_in_the_file(store, tmp_path):
    store.put([(Key.unverified(bytes(32), "https://h/t/tk-secret/c/"), b"body")])
    store.close()
    assert b"secret" not in _file(tmp_path).read_bytes()


def test_many_processes_at_once(tmp_path):
    program = """if True:
        import hashlib, sys
        from asyncfetch.repodata._shards.store import Key, Store
        store = Store(sys.argv[1])
        for start in range(20):
            bodies = [b"shard %d" % (int(sys.argv[2]) * 50 + start * 10 + n) * 50 for n in range(10)]
            keys = {Key.verified(hashlib.sha256(body).digest()): body for body in bodies}
            store.put(keys.items())
            assert dict(store.get(keys)) == keys
        store.close()
    """
    processes = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(one)]) for one in range(2)]
    assert [process.wait(timeout=50) for process in processes] == [0, 0]
    bodies = _bodies(200 + 50)
    store = Store(str(tmp_path))
    assert dict(store.get(bodies)) == bodies
    store.close()
    assert not _file(tmp_path, 2).exists()


def _damage(path, how):
    data = path.read_bytes()
    if how == "other":
        path.write_bytes(b"this is no database " * 1000)
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "overwritten":
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    elif how == "one table of somebody else's":
        path.unlink()
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE shards (url TEXT)")
        database.close()
    else:
        path.write_bytes(b"")


_DAMAGES = ["other", "cut", "overwritten", "one table of somebody else's", "empty"]


@pytest.mark.parametrize("how", _DAMAGES)
def test_a_damaged_file_is_succeeded_by_another(tmp_path, how):
    bodies = _bodies(400)
    first = Store(str(tmp_path))
    first.put(bodies.items())
    first.close()
    _damage(_file(tmp_path), how)

    store = Store(str(tmp_path))
    assert dict(store.get(bodies)).items() <= bodies.items()
    store.put(bodies.items())
    assert dict(store.get(bodies)) == bodies
    store.close()
    again = Store(str(tmp_path))
    assert dict(again.get(bodies)) == bodies
    again.close()
    assert len([name for name in os.listdir(tmp_path) if name.endswith(".db")]) == 1


@pytest.mark.parametrize("how", ["other", "overwritten"])
def test_damage_while_it_is_open(tmp_path, how):
    bodies = _bodies(400)
    stores = [Store(str(tmp_path)), Store(str(tmp_path))]
    stores[0].put(bodies.items())
    assert dict(stores[1].get(bodies)) == bodies
    with sqlite3.connect(_file(tmp_path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    _damage(_file(tmp_path), how)
    for store in stores:
        assert dict(store.get(bodies)).items() <= bodies.items()
        store.put(bodies.items())
        store.close()
    last = Store(str(tmp_path))
    last.put(bodies.items())
    assert dict(last.get(bodies)) == bodies
    last.close()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    store = Store(str(tmp_path / "file" / "below"))
    store.put(_bodies(3).items())
    assert dict(store.get(_bodies(3))) == {}
    store.close()


def test_a_directory_in_its_place(tmp_path):
    _file(tmp_path).mkdir()
    store = Store(str(tmp_path))
    store.put(_bodies(3).items())
    assert dict(store.get(_bodies(3))) == {}
    store.close()


def test_a_lock_that_is_held_costs_what_was_to_be_put_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr("asyncfetch.repodata._shards.store._PATIENCE", 0.01)
    store = Store(str(tmp_path))
    old, new = _bodies(3), _bodies(3, 100)
    store.put(old.items())
    holder = sqlite3.connect(_file(tmp_path), isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    store.put(new.items())
    assert dict(store.get([*old, *new])) == old
    holder.execute("ROLLBACK")
    holder.close()
    store.put(new.items())
    assert dict(store.get([*old, *new])) == {**old, **new}
    store.close()


def test_what_nobody_used_for_long_goes(tmp_path, monkeypatch):
    clock = [1_000_000_000.0]
    monkeypatch.setattr("asyncfetch.repodata._shards.store.time.time", lambda: clock[0])
    store = Store(str(tmp_path))
    used, unused, new = _bodies(3), _bodies(3, 100), _bodies(3, 200)
    store.put([*used.items(), *unused.items()])
    clock[0] += 40 * 86_400
    assert dict(store.get(used)) == used
    assert store.has_aged
    store.put(())
    assert dict(store.get(used)) == used
    assert not store.has_aged  # once a day is enough
    clock[0] += 40 * 86_400
    store.put(new.items())
    assert dict(store.get([*used, *unused, *new])) == {**used, **new}
    store.close()


def test_a_store_serves_threads_one_after_the_other(tmp_path):
    bodies = _bodies(10)
    found = []

    def use():
        store = Store(str(tmp_path))
        store.put(bodies.items())
        found.append(dict(store.get(bodies)))
        store.close()

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [bodies] * 4
