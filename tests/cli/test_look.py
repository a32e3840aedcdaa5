"""asyncfetch stat, list and cat."""

import os
import subprocess
from datetime import UTC, datetime

from asyncfetch.testing import Cut, Pattern, Stall, Status

from .running import finished, process

DAY = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


def test_stat_is_aligned_and_in_order(run, http_server):
    a = http_server.serve("/a", b"x" * 1234567, etag='"one"', last_modified=DAY, content_type="text/x-long")
    b = http_server.serve("/b", b"x", etag=None, last_modified=None, content_type=None)
    ended = run("stat", a.url, b.url)
    assert ended.status == 0
    assert ended.out == (
        f'1234567  2024-02-29T12:30:00Z  "one"  text/x-long  {a.url}\n'
        f"      1  -                     -      -            {b.url}\n"
    )
    assert a.body_bytes_sent == 0


def test_stat_as_json(run, http_server):
    a = http_server.serve("/a", b"abc", etag='"one"', last_modified=DAY, content_type="text/x")
    (about,) = run("stat", a.url, "--json").objects
    assert about.pop("validator")["etag"] == '"one"'
    assert about == {"url": a.url, "size": 3, "modified": "2024-02-29T12:30:00Z", "content_type": "text/x"}


def test_stat_names_what_failed_and_shows_the_rest(run, http_server):
    a = http_server.serve("/a", b"abc")
    ended = run("stat", http_server.url("/none"), a.url)
    assert ended.status == 1
    assert "found nothing at" in ended.err
    assert ended.out.endswith(f"{a.url}\n")


def test_list_of_a_folder(run, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a\nb").write_bytes(b"12345")
    os.utime(tmp_path / "a\nb", (DAY.timestamp(), DAY.timestamp()))
    ended = run("list", tmp_path.as_uri())
    assert ended.status == 0
    lines = sorted(ended.out.splitlines())
    assert lines[0].startswith("directory             -  20")
    assert lines[0].endswith("Z  folder")
    assert lines[1] == "file                  5  2024-02-29T12:30:00Z  a\\nb"


def test_list_as_json(run, tmp_path):
    (tmp_path / "a\nb").write_bytes(b"12345")
    os.utime(tmp_path / "a\nb", (DAY.timestamp(), DAY.timestamp()))
    (entry,) = run("list", tmp_path.as_uri(), "--json").objects
    assert entry == {
        "url": f"{tmp_path.as_uri()}/a%0Ab",
        "name": "a\nb",
        "kind": "file",
        "size": 5,
        "modified": "2024-02-29T12:30:00Z",
    }


def test_list_of_nothing(run, tmp_path):
    ended = run("list", (tmp_path / "none").as_uri(), "--json")
    assert (ended.status, ended.objects[0]["kind"]) == (1, "NotFound")


def test_cat_gives_every_byte_in_order(http_server, tmp_path):
    a, b = http_server.serve("/a", Pattern(5_000_001)), http_server.serve("/b", b"the end")
    with process("cat", a.url, b.url, cwd=tmp_path) as running:
        out, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (0, b"")
    assert out == Pattern(5_000_001).read() + b"the end"


def test_cat_stops_quietly_when_its_reader_does(http_server, tmp_path):
    a = http_server.serve("/a", Pattern(1 << 30))
    with process("cat", a.url, cwd=tmp_path) as running:
        head = subprocess.run(["head", "-c", "1000"], stdin=running.stdout, capture_output=True, check=True)
        running.stdout.close()
        assert running.wait(20) == 141
        assert running.stderr.read() == b""
    assert head.stdout == Pattern(1000).read()


def test_cat_reads_no_faster_than_it_is_read(http_server, tmp_path):
    a = http_server.serve("/a", Pattern(1 << 30))
    with process("cat", a.url, cwd=tmp_path) as running:
        assert len(running.stdout.read(10_000_000)) == 10_000_000
        http_server.wait_until(lambda: a.body_bytes_sent > 10_000_000)
        assert a.body_bytes_sent < 200_000_000
        running.terminate()
        assert running.wait(10) == 143


def test_cat_lets_no_byte_wait_for_its_neighbours(http_server, tmp_path):
    a = http_server.serve("/a", b"x" * 100_000, faults=[Stall(10)])
    with process("cat", a.url, cwd=tmp_path) as running:
        assert os.read(running.stdout.fileno(), 100) == b"x" * 10
        running.terminate()


def test_cat_of_a_body_that_breaks_says_so(http_server, tmp_path):
    a = http_server.serve("/a", b"x" * 100_000, always=[Cut(50_000)])
    ended = finished("cat", a.url, "--retries", 0, cwd=tmp_path)
    assert (ended.status, ended.out) == (1, "x" * 50_000)
    assert ended.err.startswith("asyncfetch: error: was cut off from")


def test_cat_goes_on_after_a_cut(http_server, tmp_path):
    a = http_server.serve("/a", Pattern(100_000), faults=[Cut(30_000), Cut(30_000)])
    with process("cat", a.url, cwd=tmp_path) as running:
        out, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (0, b"")
    assert out == Pattern(100_000).read()
    assert [one.header("Range") for one in a.requests] == [None, "bytes=30000-", "bytes=60000-"]


def test_cat_of_several_names_what_failed_and_goes_on(http_server, tmp_path):
    a = http_server.serve("/a", b"a")
    ended = finished("cat", http_server.serve("/no", always=[Status(404)]).url, a.url, cwd=tmp_path)
    assert (ended.status, ended.out) == (1, "a")
    assert "found nothing at" in ended.err
