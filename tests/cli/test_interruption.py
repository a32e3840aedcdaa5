"""Signals to a real process: an end at once, one line, no traceback, and parts that the next run continues."""

import signal
import subprocess
import sys
import time

import pytest

from asyncfetch.testing import Hold, Pattern, Stall

from .running import finished, process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals as POSIX has them, and /proc to watch")
SIZE, CUT = 20_000_000, 10_000_000


def interrupt(running, number) -> tuple[int, bytes, bytes]:
    running.send_signal(number)
    out, err = running.communicate(timeout=10)
    return running.returncode, out, err


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_stalled_transfer_ends_at_once_and_is_continued(http_server, tmp_path, number, status, word):
    a = http_server.serve("/a.bin", Pattern(SIZE), faults=[Stall(CUT)])
    part = tmp_path / "a.bin.part"
    with process("get", a.url, cwd=tmp_path) as running:
        http_server.wait_until(lambda: a.body_bytes_sent >= CUT)
        wait_for(lambda: part.exists() and part.stat().st_size >= CUT - 2_000_000)
        code, out, err = interrupt(running, number)
    assert (code, out) == (status, b"")
    (line,) = err.decode().splitlines()
    assert line.startswith(f"asyncfetch: {word}: kept ")
    assert line.endswith(" of an unfinished file, which the same command continues")
    again = finished("get", a.url, "--json", cwd=tmp_path)
    assert again.status == 0
    assert again.objects[0]["resumed_from"] > CUT // 2
    assert a.body_bytes_sent < SIZE + CUT // 2
    assert (tmp_path / "a.bin").read_bytes() == Pattern(SIZE).read()
    assert [one.name for one in tmp_path.iterdir()] == ["a.bin"]


def test_before_an_answer_there_is_nothing_to_keep(http_server, tmp_path):
    a = http_server.serve("/a", b"a", faults=[Hold()])
    with process("get", a.url, cwd=tmp_path) as running:
        http_server.wait_until(lambda: a.hits == 1)
        code, _, err = interrupt(running, signal.SIGINT)
    assert (code, err) == (130, b"asyncfetch: interrupted: nothing was kept\n")
    assert not list(tmp_path.iterdir())


def test_what_was_finished_is_counted(http_server, tmp_path):
    a, b = http_server.serve("/a", b"a"), http_server.serve("/b", b"b", faults=[Hold()])
    with process("get", a.url, b.url, cwd=tmp_path) as running:
        http_server.wait_until(lambda: b.hits == 1)
        assert running.stdout.readline()
        code, _, err = interrupt(running, signal.SIGINT)
    assert (code, err) == (130, b"asyncfetch: interrupted: kept 1 file\n")


def test_a_reader_that_does_not_read_holds_up_no_interruption(http_server, tmp_path):
    a = http_server.serve("/a", Pattern(1 << 30))
    with process("cat", a.url, cwd=tmp_path) as running:
        http_server.wait_until(lambda: a.body_bytes_sent > 1_000_000)
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
        assert running.stderr.read() == b"asyncfetch: interrupted: nothing was kept\n"


def test_a_thread_that_hangs_holds_up_no_interruption(tmp_path):
    """A list from a terminal or a pipe is read in a thread, which nothing can wake."""
    with process("get", "-i", "-", cwd=tmp_path, stdin=subprocess.PIPE) as running:
        wait_for(lambda: b"\0".join([b"get", b"-i", b"-"]) in command_line(running.pid) and threads(running.pid) > 1)
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130


def test_ignored_signals_stay_ignored(http_server, tmp_path):
    """As under nohup, or in the background of a shell without job control."""
    a = http_server.serve("/a", Pattern(1000), faults=[Stall(10)])
    ignoring = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731 - for preexec_fn
    with process("get", a.url, cwd=tmp_path, preexec_fn=ignoring) as running:
        http_server.wait_until(lambda: a.body_bytes_sent >= 10)
        running.send_signal(signal.SIGINT)
        http_server.drop_connections()  # it is tried again, and this time all comes
        assert running.wait(20) == 0


def wait_for(true, seconds: float = 10.0) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def command_line(process_id: int) -> bytes:
    with open(f"/proc/{process_id}/cmdline", "rb") as file:
        return file.read()


def threads(process_id: int) -> int:
    with open(f"/proc/{process_id}/status") as file:
        return int(next(line.split()[1] for line in file if line.startswith("Threads:")))
