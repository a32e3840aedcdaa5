"""pylock.toml (PEP 751)."""

import logging
import sys

import pytest

from asyncfetch import Fetch

from .reading import mistake, wishes

SHA = "ab" * 32
HEAD = '# made by a tool\nlock-version = "1.0"\ncreated-by = "tool"\n\n'


def package(body: str, name: str = "a") -> str:
    return f'[[packages]]\nname = "{name}"\nversion = "1"\n{body}\n'


def wheel(name: str, *, more: str = "") -> str:
    url = f"https://wheels.example/{name}"
    return f'{{name = "{name}", url = "{url}", size = 7, hashes = {{sha256 = "{SHA}"}}{more}}}'


def wish(name: str) -> Fetch:
    return Fetch(f"https://wheels.example/{name}", name, digest=f"sha256:{SHA}", size=7)


def test_the_wheel_that_fits_best():
    ours = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    fits = f"a-1-{ours}-none-any.whl"
    text = HEAD + package(
        f"wheels = [{wheel('a-1-py2-none-any.whl')}, {wheel('a-1-py3-none-any.whl')}, {wheel(fits)}]\n"
        f"sdist = {wheel('a-1.tar.gz')}"
    )
    assert wishes(text) == [wish(fits)]


def test_an_sdist_where_no_wheel_fits():
    text = HEAD + package(f"wheels = [{wheel('a-1-cp27-cp27m-win32.whl')}]\nsdist = {wheel('a-1.tar.gz')}")
    assert wishes(text) == [wish("a-1.tar.gz")]


def test_an_archive_before_anything_else():
    text = HEAD + package(f'archive = {{url = "https://h/a.zip", hashes = {{sha512 = "{"0" * 128}", md5 = "x"}}}}')
    assert wishes(text) == [Fetch("https://h/a.zip", digest=f"sha512:{'0' * 128}")]


def test_markers_are_asked():
    whl = f"wheels = [{wheel('a-1-py3-none-any.whl')}]"
    assert not wishes(HEAD + package(f"marker = \"python_version < '3'\"\n{whl}"))
    assert len(wishes(HEAD + package(f"marker = \"python_version > '3'\"\n{whl}"))) == 1
    assert len(wishes(HEAD + package(f"marker = \"'x' in extras\"\n{whl}"))) <= 1


def test_what_cannot_be_fetched_is_named(caplog):
    text = HEAD + package('vcs = {type = "git", url = "https://h/a.git"}') + package('sdist = {path = "./b"}', "b")
    with caplog.at_level(logging.WARNING, logger="asyncfetch"):
        assert not wishes(text)
    assert [record.getMessage() for record in caplog.records] == [
        "list line 5: a is not a file that can be fetched",
        "list line 9: b has a path and no URL",
    ]


def test_without_packaging_the_wheel_for_every_platform_is_taken(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "packaging"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "packaging", None)
    several = [wheel("a-1-cp399-cp399-win32.whl"), wheel("a-1-cp398-cp398-win32.whl")]
    marker = "marker = \"python_version < '3'\"\n"
    text = HEAD + package(f"{marker}wheels = [{several[0]}, {wheel('a-1-py3-none-any.whl')}]")
    assert wishes(text) == [wish("a-1-py3-none-any.whl")]
    assert len(wishes(HEAD + package(f"wheels = [{', '.join(several)}]"))) == 2


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('lock-version = "1.0"\nx = [\n\n', 4, "not TOML"),
        ('lock-version = "1.0"\nx = = 1\n', 2, "not TOML"),
        ('lock-version = "2.0"\n', 1, "version 1"),
        ("[a]\nb = 1\n", 1, "version 1"),
        ('lock-version = "1.0"\npackages = 1\n', 1, "not an array"),
        ('lock-version = "1.0"\npackages = [1]\n', 1, "without a name"),
        (HEAD + package("wheels = 3"), 5, "not an array of tables"),
        (HEAD + package(f"wheels = [{wheel('a-1-cp27-cp27m-win32.whl')}]"), 5, "no wheel of a fits"),
        (HEAD + package(f"wheels = [{wheel('strange.whl')}]"), 5, "wheel"),
        (HEAD + package("wheels = [{size = 5}]"), 5, "neither name nor url"),
        (HEAD + package('marker = "what?"'), 5, "cannot be read"),
        (HEAD + package("marker = 3"), 5, "a string"),
        (HEAD + package('sdist = {url = "http://h/a", name = "../a"}'), 5, "leads out"),
        (HEAD + package('sdist = {url = "http://h/a", name = 5}'), 5, "a string"),
        (HEAD + package('sdist = {url = "http://h/a", size = -5}'), 5, "number of bytes"),
        (HEAD + package('sdist = {url = "http://h/a", hashes = 5}'), 5, "table of strings"),
        (HEAD + package('sdist = {url = "http://h/a", hashes = {sha384 = "aa"}}'), 5, "none of the digests"),
        (HEAD + package('sdist = {url = "nowhere"}'), 5, "scheme is missing"),
        ("[[packages]]\nx = " + "[" * 5000, None, "not TOML"),
        (b'lock-version = "1.0"\n# \xff\n', 2, "not UTF-8"),
    ],
)
def test_what_is_wrong_in_a_pylock_is_named(text, line, reason):
    found = mistake(text)
    assert reason in str(found)
    assert line is None or found.line == line
