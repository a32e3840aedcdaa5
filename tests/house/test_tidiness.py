"""The house is in order: the root holds what it may, texts name no machine, files stay readable, commands are told."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_AT_THE_ROOT = {
    "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "asyncfetch",
    "benchmarks", "examples", "pyproject.toml", "tests",
}  # fmt: skip
# longer than 300 lines is a habit to be asked about; this is where it ends
_MOST_LINES = 450

# written so that they do not find themselves
_TRACES = {
    "a path of one machine": re.compile(r"(?<![\w./-])/(?:root|work|home/\w+|Users/\w+)/(?!\))"),
    "a host packages come from": re.compile(
        r"(?:extra-)?index[-]url|GO[P]ROXY|files\.pytho[n]hosted|registry\.np[m]js"
    ),
    "something left for later": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"),
}


def _files():
    """What git holds or would take."""
    listing = ["git", "-C", str(_ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        ran = subprocess.run(listing, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [name for name in ran.stdout.split("\0") if name and (_ROOT / name).is_file()]


def _texts():
    for name in _files():
        try:
            yield name, (_ROOT / name).read_text("utf-8")
        except UnicodeDecodeError:
            continue


def test_the_root_holds_nothing_else():
    top = {name.partition("/")[0] for name in _files()}
    assert {name for name in top if not name.startswith(".")} <= _AT_THE_ROOT
    assert {"asyncfetch", "tests", "pyproject.toml", "README.md", "LICENSE", "Makefile"} <= top


@pytest.mark.parametrize("what", _TRACES)
def test_no_traces(what):
    texts = list(_texts())
    assert len(texts) > 50
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts
        for number, line in enumerate(text.splitlines(), 1)
        if _TRACES[what].search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", "see /roo" + "t/x"),
        ("a path of one machine", '"/hom' + 'e/me/x"'),
        ("a host packages come from", "--index-" + "url x"),
        ("something left for later", "# TO" + "DO: x"),
    ],
)
def test_traces_are_found(what, line):
    assert _TRACES[what].search(line)


def test_files_stay_readable():
    lengths = {
        name: text.count("\n") for name, text in _texts() if name.startswith("asyncfetch/") and name.endswith(".py")
    }
    assert len(lengths) > 30
    assert {name: length for name, length in lengths.items() if length > _MOST_LINES} == {}


def test_every_module_says_what_it_is_for():
    silent = [
        name
        for name, text in _texts()
        if name.endswith(".py") and name.startswith("asyncfetch/") and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []


def test_every_ignored_rule_has_its_reason():
    bare = [
        f"{name}:{number}"
        for name, text in _texts()
        if name.endswith(".py") and name.startswith("asyncfetch/")
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(r"#\s*(?:noqa|type:\s*ignore)", line)
        and not re.search(r"(?:noqa: [A-Z0-9, ]+\s+[-#]|ignore\[[\w, -]+\]\s+#) \S", line)
    ]
    assert bare == []


@pytest.mark.parametrize("command", ["make demo", "make test", "make lint", "make bench"])
def test_the_readme_tells_the_commands_and_they_exist(command):
    assert command in (_ROOT / "README.md").read_text("utf-8")
    target = command.removeprefix("make ")
    assert re.search(rf"^{target}:", (_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
