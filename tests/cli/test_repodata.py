"""asyncfetch repodata: conda's cache, kept fresh from the command line."""

import os

import pytest

from asyncfetch.cli.lists.conda_lock import this_platform
from asyncfetch.cli.repodata import cache_folder
from asyncfetch.testing import HttpServer, Status

from ..repodata.scene import Served, contents, key
from .running import finished


@pytest.fixture
def channel():
    with HttpServer() as server:
        yield Served(server)


def test_a_line_for_each_subdir_and_where_it_is(run, channel, tmp_path):
    data = channel.publish("noarch")
    channel.publish(this_platform())
    ended = run("repodata", channel.url, "--cache-dir", tmp_path / "cache")
    paths = [f"{tmp_path}/cache/{key(channel.url + '/' + subdir)}.json" for subdir in (this_platform(), "noarch")]
    assert ended.out == (
        f"fetched    {paths[0]}  {channel.url}/{this_platform()}\nfetched    {paths[1]}  {channel.url}/noarch\n"
    )
    assert ended.err.startswith("asyncfetch: 2 files, ")
    assert (ended.status, contents(paths[1])) == (0, data)
    again = run("repodata", channel.url, "--cache-dir", tmp_path / "cache", "-q")
    assert again.out == ended.out.replace("fetched  ", "fresh    ")
    assert again.err == ""
    forced = run("repodata", channel.url, "--cache-dir", tmp_path / "cache", "--ttl", 0, "--format", "zst", "-q")
    assert forced.out == ended.out.replace("fetched  ", "unchanged")
    assert len(channel.asked) == 4


def test_a_subdir_that_is_not_there_is_no_file(run, channel, tmp_path):
    channel.publish("noarch")
    subdirs = ["--subdir", "noarch", "--subdir", "win-64"]
    ended = run("repodata", channel.url, *subdirs, "--cache-dir", tmp_path)
    assert ended.out.splitlines()[1] == f"absent     -  {channel.url}/win-64"
    assert ended.err.startswith("asyncfetch: 1 file, ")
    assert ended.status == 0


def test_as_json(run, channel, tmp_path):
    channel.publish("noarch")
    channel.publish("osx-64", always=[Status(403)])
    subdirs = ["--subdir", "noarch", "--subdir", "osx-64", "--subdir", "win-64"]
    ended = run("repodata", channel.url, *subdirs, "--cache-dir", tmp_path, "--json")
    assert ended.status == 1
    first, second, third = ended.objects
    assert first == {
        "channel": channel.url,
        "subdir": "noarch",
        "path": f"{tmp_path}/{key(channel.url + '/noarch')}.json",
        "status": "fetched",
        "stale": False,
        "bytes_transferred": channel.files["noarch", "zst"].size,
        "error": None,
        "kind": None,
    }
    assert (second["status"], second["kind"], second["path"]) == ("failed", "AccessDenied", None)
    assert "403" in second["error"]
    assert (third["status"], third["path"]) == ("absent", None)
    assert "403" in ended.err


def test_one_that_fails_is_named_and_the_others_are_there(run, channel, tmp_path):
    channel.publish("noarch")
    ended = run("repodata", channel.url, channel.url + "-2", "--subdir", "noarch", "--cache-dir", tmp_path)
    assert ended.status == 1
    assert ended.out.count("\n") == 1
    assert "there is no such channel" in ended.err
    assert channel.url + "-2/noarch" in ended.err
    assert "1 file, 1 failed" in ended.err


def test_stale_is_good_enough_when_asked_for(run, channel, tmp_path):
    channel.publish("noarch")
    command = ("repodata", channel.url, "--subdir", "noarch", "--cache-dir", tmp_path)
    run(*command)
    channel.files["noarch", "zst"].always = (Status(500),)
    failed = run(*command, "--ttl", 0, "--retries", 0)
    assert (failed.status, failed.out) == (1, "")
    stale = run(*command, "--ttl", 0, "--retries", 0, "--stale")
    assert stale.status == 0
    assert stale.out.startswith("stale      ")
    assert stale.err.startswith("asyncfetch: warning: ")
    offline = run(*command, "--ttl", 0, "--offline")
    assert offline.status == 0
    assert offline.out.startswith("stale      ")


def test_names_are_under_the_alias(run, channel, tmp_path):
    channel.publish("noarch")
    alias = channel.url.rpartition("/")[0]
    ended = run("repodata", "channel", "--alias", alias, "--subdir", "noarch", "--cache-dir", tmp_path)
    assert ended.out.endswith("  channel/noarch\n")
    assert ended.status == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ["a b"],
        ["main", "--subdir", "a/b"],
        ["main", "--ttl", "soon"],
        ["main", "--format", "bz2"],
        [],
        ["main", "--ttl=-1"],
    ],
)
def test_wrong_usage(run, tmp_path, wrong):
    ended = run("repodata", *wrong, "--cache-dir", tmp_path / "cache")
    assert ended.status == 2
    assert ended.err.startswith("asyncfetch: error: ")
    assert os.listdir(tmp_path) == []


def test_as_a_process(channel, tmp_path):
    data = channel.publish("noarch")
    ended = finished("repodata", channel.url, "--subdir", "noarch", "--cache-dir", tmp_path)
    assert ended.status == 0
    assert contents(ended.out.split()[1]) == data


def test_the_folder_of_conda(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    home = str(tmp_path / ".conda" / "pkgs" / "cache")
    assert cache_folder({}) == home
    root = tmp_path / "root"
    (root / "pkgs").mkdir(parents=True)
    assert cache_folder({"CONDA_EXE": str(root / "bin" / "conda")}) == str(root / "pkgs" / "cache")
    assert cache_folder({"CONDA_EXE": "/nowhere/bin/conda"}) == home
    one, two = tmp_path / "one", tmp_path / "two"
    two.mkdir()
    assert cache_folder({"CONDA_PKGS_DIRS": f"{one},{two}"}) == str(two / "cache")
    assert cache_folder({"CONDA_PKGS_DIRS": str(one), "CONDA_EXE": str(root / "bin" / "conda")}) == str(one / "cache")
