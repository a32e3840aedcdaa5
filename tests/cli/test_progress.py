"""Bars: on a real terminal, and as an observer."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest

import asyncfetch
from asyncfetch._progress.text import time_left
from asyncfetch.cli.progress import Bars
from asyncfetch.testing import Pattern, Status, Throttle

from .running import PROGRAM, environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def on_terminal(*arguments: str, cwd, columns: int = 100, out=None, **more: str) -> tuple[int, str]:
    """Run a command on a terminal of its own, and give its status and everything that was drawn."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    running = subprocess.Popen(
        [*PROGRAM, *arguments], stdin=theirs, stdout=out or theirs, stderr=theirs, cwd=cwd, env=environment(**more)
    )
    os.close(theirs)
    drawn = b""
    try:
        while piece := os.read(ours, 65536):
            drawn += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    return running.wait(10), drawn.decode()


def test_bars_with_name_size_rate_and_time_left(http_server, tmp_path):
    slow = [Throttle(1_500_000)]
    urls = [http_server.serve(f"/file{number}.bin", Pattern(900_000), always=slow).url for number in range(3)]
    status, drawn = on_terminal("get", *urls, http_server.url("/none"), cwd=tmp_path)
    assert status == 1
    text = SEQUENCE.sub("", drawn)
    assert re.search(r"file[012]\.bin +[━╸╺]+ +[0-9.]+ kB of 900\.0 kB +[0-9.]+ [kM]B/s +0:0[01]", text)
    assert re.search(r"total +[0-9] of 4 done, 1 failed +[0-9.]+ [kM]B +[0-9.]+ [kM]B/s", text)
    assert f"asyncfetch: error: found nothing at `{http_server.url('/none')}`" in text
    for number in range(3):
        assert f"{tmp_path}/file{number}.bin  900000" in text
    assert "3 files, 1 failed" in text
    assert drawn.rfind("\x1b[?25h") > drawn.rfind("\x1b[?25l")  # the cursor is there again


def test_results_go_to_standard_output_and_bars_do_not(http_server, tmp_path):
    url = http_server.serve("/a.bin", Pattern(600_000), always=[Throttle(1_500_000)]).url
    with (tmp_path / "out").open("wb") as out:
        status, drawn = on_terminal("get", url, cwd=tmp_path, out=out)
    assert status == 0
    assert (tmp_path / "out").read_text() == f"{tmp_path}/a.bin  600000\n"
    assert "a.bin" in drawn
    assert "━" in drawn


@pytest.mark.parametrize(("option", "more"), [("-q", {}), ("--", {"CI": "true"}), ("--", {"TERM": "dumb"})])
def test_plain_lines_where_nobody_looks_on(http_server, tmp_path, option, more):
    url = http_server.serve("/a.bin", Pattern(600_000), always=[Throttle(1_500_000)]).url
    status, drawn = on_terminal("get", option, url, cwd=tmp_path, **more)
    assert (status, drawn) == (0, f"{tmp_path}/a.bin  600000\r\n")


def test_without_rich_there_are_plain_lines(http_server, tmp_path):
    (tmp_path / "shadow/rich").mkdir(parents=True)
    (tmp_path / "shadow/rich/__init__.py").write_text("raise ImportError('no rich here')")
    url = http_server.serve("/a.bin", Pattern(600_000), always=[Throttle(1_500_000)]).url
    status, drawn = on_terminal("get", url, cwd=tmp_path, PYTHONPATH=str(tmp_path / "shadow"))
    assert (status, drawn) == (0, f"{tmp_path}/a.bin  600000\r\n")


def console(**more):
    from rich.console import Console

    return Console(file=io.StringIO(), width=100, height=24, **more)


@pytest.mark.anyio
async def test_as_an_observer_bars_begin_and_end_by_themselves(http_server, tmp_path, monkeypatch):
    monkeypatch.setattr("asyncfetch._progress.bars.IDLE", 0.05)
    screen = console(force_terminal=True)
    bars = Bars(console=screen)
    a = http_server.serve("/a.bin", Pattern(600_000), always=[Throttle(1_500_000)])
    async with asyncfetch.Client(observer=bars) as client:
        await client.fetch(a.url, tmp_path / "a.bin")
    (painter,) = [one for one in threading.enumerate() if one.name == "asyncfetch bars"] or [threading.Thread()]
    if painter.ident is not None:
        painter.join(10)
        assert not painter.is_alive()
    assert "a.bin" in screen.file.getvalue()
    assert screen.file.getvalue().endswith("\x1b[2K") or "\x1b[?25h" in screen.file.getvalue()


@pytest.mark.anyio
async def test_without_a_terminal_an_observer_writes_a_line_a_file(http_server, tmp_path):
    screen = console()
    a, b = http_server.serve("/a%1b.bin", b"abc"), http_server.serve("/b", always=[Status(404)])
    with Bars(console=screen) as _, Bars(console=screen) as bars:
        async with asyncfetch.Client(observer=Bars(console=screen)) as client:
            await client.fetch_all([asyncfetch.Fetch(one.url, f"{tmp_path}/") for one in (a, b)])
    assert bars.tally.files == 0
    lines = sorted(screen.file.getvalue().splitlines())
    assert lines == [f"{tmp_path}/a\\x1b.bin  3", f"found nothing at `{b.url}`: 404 Not Found"]


def events(number: int, tmp_path):
    for one in range(number):
        fetch = asyncfetch.Fetch(f"http://h/{one}", f"{tmp_path}/{one}")
        yield fetch, asyncfetch.Started(fetch, fetch.url, 1000, 0)


def test_thousands_of_files_show_the_first_few_and_a_total(tmp_path, monkeypatch):
    monkeypatch.setattr("asyncfetch._progress.bars.REFRESH", 0.01)
    screen = console(force_terminal=True)
    with Bars(console=screen, total=5000) as bars:
        for fetch, started in events(5000, tmp_path):
            bars(started)
            bars(asyncfetch.Advanced(fetch, 10, 1000))
        drawn_by = time.monotonic() + 10
        while "4990 more under way" not in screen.file.getvalue():
            assert time.monotonic() < drawn_by
            time.sleep(0.01)
    frames = SEQUENCE.sub("", screen.file.getvalue()).split("total")
    assert max(frame.count("━") > 0 and frame.count("of 1.0 kB") for frame in frames) == 10
    assert "asyncfetch bars" not in {one.name for one in threading.enumerate()}


def test_events_cost_no_drawing(tmp_path):
    """However many events and lines come, what is drawn is bounded by time: 20,000 files that finish at once."""
    screen = console(force_terminal=True)
    with Bars(console=screen) as bars:
        for fetch, started in events(20_000, tmp_path):
            bars(started)
            bars(asyncfetch.Finished(fetch, asyncfetch.Result(fetch, fetch.to, fetch.url, 1000, transferred=1000)))
            bars.say(f"line {fetch.to}")
        assert not bars.tally.active
    text = screen.file.getvalue()
    assert text.count("\x1b[?25l") <= 1
    assert text.count("total") < 200
    assert SEQUENCE.sub("", text).count("line ") == 20_000
    assert bars.tally.summary().startswith("20000 files, 20.0 MB in ")


@pytest.mark.parametrize(
    ("remaining", "rate", "text"),
    [(0, 5, "0:00"), (100, 10, "0:10"), (4000, 1, "1:06:40"), (1e9, 1, "-"), (5, 0, "0:00")],
)
def test_time_left(remaining, rate, text):
    assert time_left(remaining, rate) == text
