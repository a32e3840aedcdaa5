"""conda explicit files and conda-lock.yml."""

import sys

import pytest

from asyncfetch import Fetch
from asyncfetch.cli.lists import ListMistake
from asyncfetch.cli.lists.conda_lock import this_platform

from .reading import entries, mistake, wishes

SHA = "ab" * 32
MD5 = "cd" * 16
EXPLICIT = f"""\
# This file may be used to create an environment using:
# $ conda create --name <env> --file <this file>
# platform: linux-64
@EXPLICIT
https://conda.example/noarch/a-1-0.conda#{MD5}
https://conda.example/linux-64/b-1-0.tar.bz2#sha256:{SHA}
https://conda.example/linux-64/c-1-0.conda#{SHA}
https://conda.example/linux-64/d-1-0.conda
"""

LOCK = f"""\
# made by conda-lock
version: 1
metadata:
  content_hash:
    linux-64: {SHA}
  platforms: [linux-64, osx-arm64]
package:
- name: a
  version: 1.10
  manager: conda
  platform: linux-64
  dependencies: {{}}
  url: https://conda.example/linux-64/a-1.10-0.conda
  hash:
    md5: {MD5}
    sha256: {SHA}
  category: main
  optional: false
- name: a
  version: 1.10
  manager: conda
  platform: osx-arm64
  url: https://conda.example/osx-arm64/a-1.10-0.conda
  hash: {{md5: {MD5}}}
- name: b
  manager: pip
  platform: linux-64
  url: https://wheels.example/b-1-py3-none-any.whl
  hash:
    sha256: {SHA}
"""


def test_explicit():
    assert wishes(EXPLICIT) == [
        Fetch("https://conda.example/noarch/a-1-0.conda", digest=f"md5:{MD5}"),
        Fetch("https://conda.example/linux-64/b-1-0.tar.bz2", digest=f"sha256:{SHA}"),
        Fetch("https://conda.example/linux-64/c-1-0.conda", digest=f"sha256:{SHA}"),
        Fetch("https://conda.example/linux-64/d-1-0.conda"),
    ]


@pytest.mark.parametrize("line", ["https://h/a#123", "a.conda", "https://h/a#sha256:12", "https://h/a#xyz:12"])
def test_a_wrong_line_of_an_explicit_file_costs_no_other(line):
    found = entries(f"@EXPLICIT\nhttps://h/x\n{line}\nhttps://h/y\n")
    assert isinstance(found[1], ListMistake)
    assert found[1].line == 3
    assert [found[0], found[2]] == [Fetch("https://h/x"), Fetch("https://h/y")]


def test_conda_lock_of_a_platform():
    assert wishes(LOCK, platform="linux-64") == [
        Fetch("https://conda.example/linux-64/a-1.10-0.conda", digest=f"sha256:{SHA}"),
        Fetch("https://wheels.example/b-1-py3-none-any.whl", digest=f"sha256:{SHA}"),
    ]
    assert wishes(LOCK, platform="osx-arm64") == [
        Fetch("https://conda.example/osx-arm64/a-1.10-0.conda", digest=f"md5:{MD5}")
    ]


def test_conda_lock_of_this_machine(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert this_platform() == "osx-arm64"
    assert [one.url.name for one in wishes(LOCK)] == ["a-1.10-0.conda"]


@pytest.mark.parametrize(
    ("system", "processor", "name"),
    [
        ("linux", "x86_64", "linux-64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("linux", "ppc64le", "linux-ppc64le"),
        ("darwin", "x86_64", "osx-64"),
        ("win32", "AMD64", "win-64"),
        ("win32", "ARM64", "win-arm64"),
    ],
)
def test_names_of_platforms(monkeypatch, system, processor, name):
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: processor)
    assert this_platform() == name


def test_conda_lock_without_the_platform_says_which_there_are():
    assert "for win-64, only for linux-64, osx-arm64" in str(mistake(LOCK, platform="win-64"))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("version: 1\npackage:\n- {a: [}\n", 3, "not YAML"),
        ("version: 2\npackage: []\n", 1, "version 1"),
        ("version: 1\n", 1, "`package` is missing"),
        ("version: 1\npackage: 5\n", 1, "`package` is missing"),
        ("version: 1\npackage:\n- 7\n", None, "without a url"),
        ("version: 1\npackage:\n- name: a\n", 3, "without a url"),
        ("version: 1\npackage:\n- platform: p\n  url: nowhere\n", 3, "scheme is missing"),
        ("version: 1\npackage:\n- platform: p\n  url: http://h/a\n  hash: 5\n", 3, "not a mapping"),
        ("version: 1\npackage:\n- platform: p\n  url: http://h/a\n  hash: {md5: [1]}\n", 3, "a string"),
        ("version: 1\npackage:\n- platform: p\n  url: http://h/a\n  hash: {sha384: aa}\n", 3, "none of the digests"),
        ("version: 1\npackage:\n- platform: p\n  url: http://h/a\n  hash: {md5: aa}\n", 3, "32 hex digits"),
        ("version: 1\n? [a]\n: b\n", 2, "not YAML"),
        ("version: 1\na: *nobody\n", 2, "not YAML"),
        ("version: 1\na: " + "[" * 5000, None, "not YAML"),
    ],
)
def test_what_is_wrong_in_a_conda_lock_is_named(text, line, reason):
    found = mistake(text, platform="p")
    assert reason in str(found)
    assert line is None or found.line == line


def test_a_tag_makes_no_object():
    text = "version: 1\npackage:\n- !!python/object/apply:os.system [echo]\n"
    assert "without a url" in str(mistake(text, platform="p")) or "not YAML" in str(mistake(text, platform="p"))


def test_without_pyyaml_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert "install asyncfetch[cli]" in str(mistake(LOCK))
