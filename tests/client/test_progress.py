"""``progress=True``: bars where somebody looks on, lines where nobody does, and an observer of one's own beside it."""

import io
import subprocess
import sys
import threading

import anyio
import anyio.to_thread
import pytest

import asyncfetch.sync
from asyncfetch import MistakeError, Settings
from asyncfetch._progress.bars import Bars
from asyncfetch.testing import Pattern, Stall, Status

pytest.importorskip("rich")
SETTINGS = Settings(trust_env=False)
DATA = Pattern(300_000, seed=5).read()


@pytest.mark.anyio
async def test_a_line_a_file_where_nobody_looks_on(http_server, tmp_path, capsys):
    a, b = http_server.serve("/a", DATA), http_server.serve("/b", always=[Status(404)])
    wishes = [asyncfetch.Fetch(one.url, f"{tmp_path}/") for one in (a, b)]
    seen = []
    async with asyncfetch.Client(settings=SETTINGS, progress=True, observer=seen.append) as client:
        await client.fetch_all(wishes)
    out, err = capsys.readouterr()
    assert sorted(err.splitlines()) == [f"{tmp_path}/a  300000", f"found nothing at `{b.url}`: 404 Not Found"]
    assert out == ""
    assert {type(event) for event in seen} >= {asyncfetch.Started, asyncfetch.Finished, asyncfetch.Failed}
    await asyncfetch.fetch_all(wishes, settings=SETTINGS, progress=True)
    await asyncfetch.fetch(a.url, tmp_path / "c", settings=SETTINGS, progress=True)
    assert f"{tmp_path}/c  300000" in capsys.readouterr().err


@pytest.mark.anyio
async def test_bars_end_with_the_client(http_server, tmp_path, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr("asyncfetch._progress.bars.REFRESH", 0.005)
    monkeypatch.setenv("TERM", "xterm-256color")
    drawn = threading.Event()

    class Screen(io.StringIO):
        def write(self, text):
            drawn.set()
            return super().write(text)

    screen = Console(file=Screen(), width=100, height=24, force_terminal=True)
    monkeypatch.setattr("asyncfetch._client.make_bars", lambda: Bars(console=screen))
    a = http_server.serve("/a", DATA, always=[Stall(1000)])
    async with asyncfetch.Client(settings=SETTINGS, progress=True) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.fetch, a.url, tmp_path / "a")
        assert await anyio.to_thread.run_sync(drawn.wait, 10)
        tasks.cancel_scope.cancel()
    assert "asyncfetch bars" not in {one.name for one in threading.enumerate()}
    assert screen.file.getvalue().rfind("\x1b[?25h") > screen.file.getvalue().rfind("\x1b[?25l")


@pytest.mark.anyio
async def test_a_fetch_that_is_cancelled_is_under_way_no_longer(http_server, tmp_path):
    a = http_server.serve("/a", DATA, faults=[Stall(1000)])
    bars, seen, started = Bars(), [], anyio.Event()

    def observe(event):
        bars(event)
        seen.append(event)
        started.set()

    async with asyncfetch.Client(settings=SETTINGS, observer=observe) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.fetch, a.url, tmp_path / "a")
            await started.wait()
            assert bars.tally.active
            tasks.cancel_scope.cancel()
        assert isinstance(seen[-1], asyncfetch.Failed)
        assert isinstance(seen[-1].error, MistakeError)
        assert not bars.tally.active


def test_without_rich_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    for kind in (asyncfetch.Client, asyncfetch.sync.Client):
        with pytest.raises(MistakeError, match=r"progress is drawn by rich; pip install 'asyncfetch\[cli\]'"):
            kind(progress=True)


def test_rich_is_loaded_by_who_wants_it_only(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    program = f"""
import sys
from asyncfetch import sync
sync.fetch({(tmp_path / "a").as_uri()!r}, {str(tmp_path / "b")!r})
assert "rich" not in sys.modules
sync.fetch({(tmp_path / "a").as_uri()!r}, {str(tmp_path / "c")!r}, progress=True)
assert "rich" in sys.modules
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stderr) == (0, f"{tmp_path}/c  1\n")
