"""Usage, help and statuses."""

import signal
import sys

import pytest

import asyncfetch

from .running import PROGRAM, finished


def test_help_names_every_command_and_the_statuses(run):
    ended = run("--help")
    assert ended.status == 0
    for word in ("get", "cat", "stat", "list", "demo", "examples:", "130 interrupted"):
        assert word in ended.out


@pytest.mark.parametrize("command", ["get", "cat", "stat", "list", "repodata", "demo"])
def test_each_command_has_help(run, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    ended = run(command, "--help")
    assert ended.status == 0
    assert f"asyncfetch {command}" in ended.out
    assert "example" in ended.out
    assert max(len(line) for line in ended.out.splitlines()) <= 80


def test_version(run):
    assert run("--version").out == f"asyncfetch {asyncfetch.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "required: COMMAND"),
        (("fly",), "invalid choice"),
        (("get",), "takes a URL"),
        (("get", "nowhere"), "scheme is missing"),
        (("get", "http://"), "host is missing"),
        (("get", "http://h/\r\nDELE x"), "control character"),
        (("get", "http://h/a", "--digest", "sha256:12"), "64 hex digits"),
        (("get", "http://h/a", "--digest", "crc:12"), "unknown digest algorithm"),
        (("get", "http://h/a", "--size", "-1"), "not a number"),
        (("get", "http://h/a", "--size=x"), "not a number"),
        (("get", "http://h/a", "--mirror", "nowhere"), "scheme is missing"),
        (("get", "http://h/a", "--proxy", "gopher://me:hunter2@h"), "not gopher"),
        (("get", "http://h/a", "-j", "0"), "at least 1"),
        (("get", "http://h/a", "--limit-rate", "fast"), "rate"),
        (("get", "http://h/a", "--timeout", "0"), "seconds above 0"),
        (("get", "http://h/a", "--timeout", "nan"), "seconds above 0"),
        (("get", "http://h/a", "--header", "nothing"), "Name: value"),
        (("get", "http://h/a", "--header", "Range: bytes=0-1"), "set by asyncfetch itself"),
        (("get", "http://h/a", "-o", "x", "-d", "y"), "not allowed with"),
        (("get", "http://h/a", "http://h/b", "-o", "x"), "several"),
        (("get", "http://h/a", "http://h/b", "--digest", f"md5:{'0' * 32}"), "several"),
        (("get", "http://h/a", "http://h/b", "--size", "1"), "several"),
        (("get", "http://h/a", "-o", ""), "empty"),
        (("get", "http://h/a", "-o", "-", "--json"), "both write to standard output"),
        (("get", "-i", "missing.txt"), "cannot read the list `missing.txt`: No such file"),
        (("get", "-i", "."), "Is a directory"),
        (("get", "-i", "https://h/list"), "asyncfetch cat URL |"),
        (("get", "-i", "-", "-i", "-"), "one list"),
        (("get", "--insecure", "--ca-file", __file__, "http://h/a"), "one of them"),
        (
            ("get", "--ca-file", "none.pem", "http://h/a"),
            "--ca-file: cannot read `none.pem`: No such file or directory",
        ),
        (("get", "--client-cert", "none.pem", "http://h/a"), "--client-cert: cannot read `none.pem`"),
        (("get", "--s3-endpoint", "nowhere", "s3://b/k"), "--s3-endpoint: the scheme is missing"),
        (("get", "--s3-endpoint", "ftp://h/", "s3://b/k"), "--s3-endpoint: S3 is served over http and https"),
        (("get", "--client-key", __file__, "http://h/a"), "goes with --client-cert"),
        (("get", "gopher://h/a"), "gopher"),
        (("stat",), "required: URL"),
        (("stat", "gopher://h/a"), "gopher"),
        (("cat", "nowhere"), "scheme is missing"),
        (("list", "http://h/"), "http"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run, arguments, reason):
    ended = run(*arguments)
    assert ended.status == 2
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert line.startswith("asyncfetch: error: ")
    assert reason in line


def test_a_mistake_shows_no_secret(run):
    ended = run("get", "http://me:hunter2@h:port/t/tk-1/a?X-Amz-Signature=5ecret")
    assert ended.status == 2
    assert not [secret for secret in ("hunter2", "tk-1", "5ecret") if secret in ended.err]


def test_main_leaves_signals_and_logging_as_they_were(run, http_server):
    import logging

    logger = logging.getLogger("asyncfetch")
    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), list(logger.handlers), logger.level]
    assert run("get", http_server.serve("/a", b"a").url).status == 0
    assert [
        signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), list(logger.handlers), logger.level,
    ] == before  # fmt: skip


def test_as_a_module_and_as_a_script_it_is_the_same():
    ended = finished("--version")
    assert (ended.status, ended.out) == (0, f"asyncfetch {asyncfetch.__version__}\n")


def test_help_loads_nothing_heavy():
    import subprocess

    code = (
        "import sys; from asyncfetch.cli import main; main(['get', '--help']);"
        "print([name for name in ('anyio', 'asyncio', 'ssl', 'httpx', 'rich', 'yaml') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert PROGRAM[0] == sys.executable
