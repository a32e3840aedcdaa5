"""The two clients have one surface: nothing is missing on either side, and every call is written the same."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import asyncfetch
from asyncfetch import Settings, sync
from asyncfetch._once import fetch, fetch_all, read

ROOT = Path(__file__).parents[2]
# what only one of them needs: threads have no `async with` that ends what they forgot
ONLY_SYNC = {"close"}
CALLS = {name for name in dir(asyncfetch.Client) if not name.startswith("_")}


def parameters(function):
    return [(one.name, one.kind, one.default) for one in inspect.signature(function).parameters.values()]


def test_the_names_are_the_same():
    with sync.Client() as client:
        assert {name for name in dir(client) if not name.startswith("_")} - ONLY_SYNC == CALLS | {"settings"}
    assert len(CALLS) >= 7


@pytest.mark.parametrize("name", sorted({*CALLS, "__init__"}))
def test_the_arguments_are_the_same(name):
    ours, theirs = getattr(sync.Client, name), getattr(asyncfetch.Client, name)
    assert parameters(ours) == parameters(theirs)
    assert not inspect.iscoroutinefunction(ours)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_documentation_is_the_same(name):
    assert getattr(sync.Client, name).__doc__ == getattr(asyncfetch.Client, name).__doc__ != None  # noqa: E711 - of both


@pytest.mark.parametrize(("ours", "theirs"), [(sync.fetch, fetch), (sync.read, read), (sync.fetch_all, fetch_all)])
def test_the_one_shot_forms_are_the_same(ours, theirs):
    assert parameters(ours) == parameters(theirs)
    assert ours.__doc__ == theirs.__doc__


def test_all_is_exact():
    assert sync.__all__ == sorted(sync.__all__)
    assert all(hasattr(sync, name) for name in sync.__all__)


_PROGRAM = """
from asyncfetch import sync
client = sync.Client()
reveal_type(client.fetch)
reveal_type(client.read("file:///a"))
reveal_type(client.fetch_all(["file:///a"]))
with client.open("file:///a") as body:
    reveal_type(body)
for entry in client.list("file:///a/"):
    reveal_type(entry)
for outcome in client.as_fetched(["file:///a"]):
    reveal_type(outcome)
client.fetch(1)
client.stat("file:///a", digest="md5")
"""


def test_a_type_checker_sees_the_signatures(tmp_path):
    (tmp_path / "program.py").write_text(_PROGRAM)
    # with the settings of the lint before, whose cache has the package already
    shared = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")]
    command = [sys.executable, "-m", "mypy", *shared, "program.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=50).stdout
    told = [line.partition(": ")[2] for line in said.splitlines()]
    assert "digest: str | typing.Iterable[str] | None =" in told[0]
    for number, name in enumerate(["bytes", "list[", "reader.Reader", "exchange.Entry", "fetch.Result | "], 1):
        assert name in told[number], said
    assert 'expected "str | Url | Fetch"' in told[6]
    assert 'Unexpected keyword argument "digest"' in told[7]


def test_a_representation_says_something(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    client = sync.Client(settings=Settings(trust_env=False))
    assert repr(client) == "<sync Client new>"
    assert client.settings == Settings(trust_env=False)
    with client:
        client.read(f"file://{tmp_path}/a")
        assert repr(client).startswith("<sync Client open: ")
        assert "file" in repr(client)
    assert repr(client) == "<sync Client closed>"
