"""conda itself on the folder that we keep: it makes no request, asks with our validators, and we take what it wrote.

``ASYNCFETCH_CONDA`` names a Python that has conda: ``pip install conda-lock conda-package-handling`` makes one of any.
"""

import json
import os
import subprocess
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from asyncfetch import sync

from .scene import AGE, Served, age, contents, info, state_of
from .shards.channel import record

PYTHON = os.environ.get("ASYNCFETCH_CONDA")
pytestmark = pytest.mark.skipif(PYTHON is None, reason="ASYNCFETCH_CONDA names no Python that has conda")


def document(subdir, count):
    packages = {f"p{number}-1.0-h0_0.conda": record(f"p{number}", subdir=subdir) for number in range(count)}
    return json.dumps({"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages}).encode()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pkgs" / "cache").mkdir(parents=True)
    (tmp_path / "pkgs" / "urls.txt").touch()  # conda takes it for a folder of packages now
    return tmp_path / "pkgs" / "cache"


def conda_reads(folder, *urls, ttl=1, **env):
    """What conda finds, (cached file, number of records) each."""
    command = [PYTHON, str(Path(__file__).with_name("by_conda.py")), str(folder.parent), str(ttl), *urls]
    env = {**os.environ, "HOME": str(folder.parent), "NO_PROXY": "127.0.0.1", **env}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return [tuple(json.loads(line)) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize("form", ["zst", "json"])
def test_conda_takes_what_we_fetched_without_a_request(channel, folder, form):
    for count, subdir in enumerate(("noarch", "linux-64"), 3):
        channel.publish(subdir, document(subdir, count), forms=[form])
    outcomes = sync.prefetch([channel.url], ["noarch", "linux-64"], folder)
    channel.forget()
    urls = [f"{channel.url}/{one.subdir}" for one in outcomes]
    assert conda_reads(folder, *urls) == [(outcomes[0].path, 3), (outcomes[1].path, 4)]
    assert channel.asked == []


def test_conda_takes_what_we_patched_without_a_request(channel, folder):
    from .jlap.journal import Journal

    old, new = (json.dumps(json.loads(document("noarch", count)), sort_keys=True).encode() for count in (3, 5))
    channel.publish("noarch", old)
    sync.prefetch([channel.url], ["noarch"], folder)
    channel.server.serve(f"{channel.name}/noarch/repodata.jlap", Journal().add(old, new).text, always=[AGE])
    (outcome,) = sync.prefetch([channel.url], ["noarch"], folder, ttl=0, formats=["jlap", "zst"])
    assert outcome.status == "patched"
    channel.forget()
    assert conda_reads(folder, channel.url + "/noarch") == [(outcome.path, 5)]
    assert channel.asked == []


def test_conda_asks_with_our_validators_and_we_take_its_word(channel, folder):
    channel.publish("noarch", document("noarch", 3))
    (outcome,) = sync.prefetch([channel.url], ["noarch"], folder)
    age(outcome.path, refresh_ns=1)
    zst = channel.files["noarch", "zst"]
    assert conda_reads(folder, channel.url + "/noarch") == [(outcome.path, 3)]
    assert channel.server.requests[-1].header("if-none-match") == zst.etag
    assert (zst.hits, zst.body_bytes_sent) == (2, zst.size)
    (ours,) = sync.prefetch([channel.url], ["noarch"], folder)
    assert (ours.status, zst.hits) == ("fresh", 2)
    age(outcome.path, refresh_ns=1)
    (ours,) = sync.prefetch([channel.url], ["noarch"], folder)
    assert (ours.status, zst.body_bytes_sent) == ("unchanged", zst.size)


def test_we_take_what_conda_fetched_without_a_request(channel, folder):
    channel.publish("noarch", document("noarch", 3))
    ((path, count),) = conda_reads(folder, channel.url + "/noarch")
    assert (count, state_of(path)["etag"]) == (3, channel.files["noarch", "zst"].etag)
    channel.forget()
    (ours,) = sync.prefetch([channel.url], ["noarch"], folder)
    assert (ours.status, ours.path, channel.asked) == ("fresh", path, [])
    age(path, refresh_ns=1)
    (ours,) = sync.prefetch([channel.url], ["noarch"], folder)
    assert (ours.status, channel.files["noarch", "zst"].hits) == ("unchanged", 2)
    assert conda_reads(folder, channel.url + "/noarch") == [(path, 3)]
    assert channel.files["noarch", "zst"].hits == 2


def test_a_token_that_is_stored_leads_to_the_same_file(http_server, folder, tmp_path, monkeypatch):
    channel = Served(http_server, "/t/tk-stored/channel")
    channel.publish("noarch", document("noarch", 3))
    site = http_server.url("/").rstrip("/")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / f"{quote_plus(site)}.token").write_text("tk-stored")
    monkeypatch.setenv("BINSTAR_CONFIG_DIR", str(tmp_path))
    (outcome,) = sync.prefetch([f"{site}/channel"], ["noarch"], folder)
    channel.forget()
    assert conda_reads(folder, f"{site}/channel/noarch") == [(outcome.path, 3)]
    assert channel.asked == []


def test_credentials_in_the_url_lead_to_the_same_file(http_server, folder):
    channel = Served(http_server)
    channel.publish("noarch", document("noarch", 3))
    url = channel.url.replace("://", "://me:p%40w@")
    (outcome,) = sync.prefetch([url], ["noarch"], folder)
    channel.forget()
    assert conda_reads(folder, url + "/noarch") == [(outcome.path, 3)]
    assert channel.asked == []


def test_a_subdir_that_is_not_there_is_the_file_that_conda_makes(channel, folder, tmp_path):
    (outcome,) = sync.prefetch([channel.url], ["linux-64"], folder)
    assert outcome.status == "absent"
    ours = {name: contents(folder / name) for name in os.listdir(folder) if not name.endswith(".info.json")}
    for name in os.listdir(folder):
        os.unlink(folder / name)
    ((path, count),) = conda_reads(folder, channel.url + "/linux-64")
    assert ({os.path.basename(path): contents(path)}, count) == (ours, 0)
    (again,) = sync.prefetch([channel.url], ["linux-64"], folder, ttl=60)
    assert again.status == "absent"
    assert os.path.exists(info(path))
