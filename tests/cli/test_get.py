"""asyncfetch get."""

import os
import subprocess
import sys

import pytest

from asyncfetch.testing import Corrupt, Cut, IgnoreRange, Pattern, Stall, Status

from .running import PROGRAM, environment, finished, process


def test_files_with_a_line_each(run, http_server, tmp_path):
    a, b = http_server.serve("/a.bin", Pattern(100_000)), http_server.serve("/b%20c.txt", b"hello")
    ended = run("get", a.url, b.url, "-d", "sub/dir")
    assert ended.status == 0
    assert sorted(ended.out.splitlines()) == [f"{tmp_path}/sub/dir/a.bin  100000", f"{tmp_path}/sub/dir/b c.txt  5"]
    assert ended.err.startswith("asyncfetch: 2 files, 100.0 kB in ")
    assert (tmp_path / "sub/dir/b c.txt").read_bytes() == b"hello"


def test_a_file_by_name_with_everything_that_must_hold(run, http_server, tmp_path):
    a = http_server.serve("/a.bin", Pattern(100_000))
    ended = run("get", a.url, "-o", "x", "--digest", a.digest, "--digest", "md5", "--size", 100_000, "-q")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith(f"{tmp_path}/x  100000  sha256:")
    assert (tmp_path / "x").read_bytes() == Pattern(100_000).read()
    assert run("get", a.url, "-o", "x", "--digest", a.digest).status == 0
    assert a.hits == 1


def test_json_of_a_result(run, http_server, tmp_path):
    a = http_server.serve("/a?token=5ecret", b"hello", faults=[Cut(2)])
    ended = run("get", a.url.replace("http://", "http://me:hunter2@"), "--json", "-o", "x", "--digest", a.digest)
    assert ended.status == 0
    assert "5ecret" not in ended.out + ended.err
    assert "hunter2" not in ended.out + ended.err
    (about,) = ended.objects
    assert about.pop("elapsed") > 0
    masked = a.url.replace("http://", "http://***@").replace("5ecret", "***")
    assert about == {
        "url": masked, "path": f"{tmp_path}/x", "size": 5, "digest": a.digest, "source": masked, "attempts": 2,
        "resumed_from": 0, "transferred": 5, "unchanged": False,
    }  # fmt: skip


def test_json_of_an_error(run, http_server):
    url = http_server.url("/none")
    ended = run("get", url, "--json", "-o", "x")
    assert ended.status == 1
    (about,) = ended.objects
    assert about.pop("error") == f"found nothing at `{url}`: 404 Not Found"
    (attempt,) = about.pop("attempts")
    assert about == {"url": url, "path": "x", "kind": "NotFound", "verdict": "next source"}
    assert {name: type(value).__name__ for name, value in attempt.items()} == {
        "source": "str", "started": "float", "elapsed": "float", "received": "int", "outcome": "str",
    }  # fmt: skip
    assert ended.err == f"asyncfetch: error: found nothing at `{url}`: 404 Not Found\n"


def test_one_failure_ends_no_other(run, http_server):
    a, b = http_server.serve("/a", b"a"), http_server.serve("/b", b"b", always=[Status(403)])
    ended = run("get", b.url, a.url, http_server.url("/none"))
    assert ended.status == 1
    assert len(ended.out.splitlines()) == 1
    assert f"asyncfetch: error: found nothing at `{http_server.url('/none')}`" in ended.err
    assert f"asyncfetch: error: was refused access to `{b.url}`" in ended.err
    assert "1 file, 2 failed" in ended.err


def test_a_mistake_among_several_is_named_and_stops_no_other(run, http_server, tmp_path):
    a = http_server.serve("/a", b"a")
    ended = run("get", "nowhere", a.url, "gopher://h/b", "--json")
    assert ended.status == 2
    assert (tmp_path / "a").read_bytes() == b"a"
    assert ended.err.count("asyncfetch: error: ") == 2
    assert {about.get("kind") for about in ended.objects} == {"InvalidUrl", "UnsupportedScheme", None}


def test_two_urls_for_one_file(run, http_server):
    ended = run("get", http_server.serve("/x/a", b"1").url, http_server.serve("/y/a", b"2").url)
    assert ended.status == 2
    assert "is written to `a` already" in ended.err
    assert len(ended.out.splitlines()) == 1


def test_a_url_without_a_name(run, http_server):
    ended = run("get", http_server.url("/"))
    assert ended.status == 2
    assert "no file name" in ended.err


def test_a_destination_that_cannot_be(run, http_server, tmp_path):
    (tmp_path / "plain").write_text("a file")
    ended = run("get", http_server.serve("/a", b"a").url, "-d", "plain")
    assert ended.status == 1
    assert "plain" in ended.err
    assert (tmp_path / "plain").read_text() == "a file"


def test_mirrors(run, http_server):
    good = http_server.serve("/good", Pattern(50_000))
    bad = http_server.serve("/bad", Pattern(50_000), always=[Corrupt(7)])
    ended = run(
        "get", bad.url, "--mirror", http_server.url("/no"), "--mirror", good.url, "--digest", good.digest, "--json"
    )
    assert (ended.status, ended.objects[0]["source"]) == (0, good.url)


def test_lists_of_every_kind_together(run, http_server, tmp_path):
    served = {name: http_server.serve(f"/{name}", name.encode() * 10) for name in "abcdef"}
    (tmp_path / "plain").write_text(served["a"].url)
    (tmp_path / "aria2").write_text(f"{http_server.url('/gone')}\t{served['b'].url}\n  out=deep/b2\n")
    (tmp_path / "explicit").write_text(f"@EXPLICIT\n{served['c'].url}#{served['c'].digest}\n")
    (tmp_path / "lock").write_text(f"version: 1\npackage:\n- {{platform: p, url: '{served['d'].url}'}}\n")
    (tmp_path / "pylock").write_text(
        f'lock-version = "1.0"\n[[packages]]\nname = "e"\nsdist = {{url = "{served["e"].url}", size = 10}}\n'
    )
    (tmp_path / "meta").write_text(
        '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="f2"><size>10</size>'
        f"<url>{served['f'].url}</url></file></metalink>"
    )
    lists = [part for name in ("plain", "aria2", "explicit", "lock", "pylock", "meta") for part in ("-i", name)]
    ended = run("get", *lists, "--platform", "p", "-d", "out", "-q")
    assert (ended.status, ended.err) == (0, "")
    out = tmp_path / "out"
    files = {one.relative_to(out).as_posix(): one.read_bytes() for one in out.rglob("*") if one.is_file()}
    assert files == {
        "a": b"a" * 10, "deep/b2": b"b" * 10, "c": b"c" * 10, "d": b"d" * 10, "e": b"e" * 10, "f2": b"f" * 10,
    }  # fmt: skip


def test_a_wrong_line_is_named_and_costs_no_other(run, http_server, tmp_path):
    a = http_server.serve("/a", b"a")
    (tmp_path / "list").write_text(f"# two\nnowhere\n{a.url}\n")
    ended = run("get", "-i", "list", "--json")
    assert ended.status == 2
    assert "asyncfetch: error: cannot read the list `list` line 2: " in ended.err
    assert sorted(about.get("kind", "result") for about in ended.objects) == ["ListMistake", "result"]


def test_a_list_of_nothing_is_said(run, tmp_path):
    (tmp_path / "list").write_text("# nothing yet\n")
    ended = run("get", "-i", "list")
    assert (ended.status, ended.out, ended.err) == (0, "", "asyncfetch: the list names nothing to fetch\n")
    assert run("get", "-i", "list", "-q").err == ""


def test_what_the_command_line_says_holds_for_lists_too(run, http_server, tmp_path):
    a = http_server.serve("/a", b"a")
    (tmp_path / "list").write_text(a.url)
    ended = run("get", "-i", "list", "--digest", "sha256", "--header", "X-Who: me")
    assert ended.out == f"{tmp_path}/a  1  {a.digest}\n"
    assert a.requests[0].header("X-Who") == "me"


def test_a_list_still_being_written_is_fetched_as_it_comes(http_server, tmp_path):
    a, b = http_server.serve("/a", b"a"), http_server.serve("/b", b"b")
    with process("get", "-i", "-", cwd=tmp_path, stdin=subprocess.PIPE) as running:
        running.stdin.write(f"{a.url}\n".encode())
        running.stdin.write(f"{b.url}\n".encode())  # the options of an entry end where the next begins
        running.stdin.flush()
        assert running.stdout.readline() == f"{tmp_path}/a  1\n".encode()
        out, _ = running.communicate(timeout=10)
        assert out == f"{tmp_path}/b  1\n".encode()
        assert running.returncode == 0


def test_offline_opens_no_socket(run, http_server, tmp_path):
    (tmp_path / "here").write_text("here")
    a = http_server.serve("/a", b"a")
    assert run("get", "--offline", (tmp_path / "here").as_uri(), "-o", "there").status == 0
    ended = run("get", "--offline", a.url)
    assert ended.status == 1
    assert "offline" in ended.err
    assert http_server.connections == 0


def test_retries_and_rate_and_jobs_reach_the_engine(run, http_server):
    a = http_server.serve("/a", b"a", always=[Status(500)])
    assert run("get", a.url, "--retries", 0).status == 1
    assert a.hits == 1
    b = http_server.serve("/b", b"b")
    assert (
        run("get", b.url, "-j", 1, "--limit-rate", "1.5MiB", "--timeout", "2.5", "--max-time", 9, "--durable").status
        == 0
    )


def test_tls_is_checked_and_can_be_told_whom_to_trust(run, https_server, ca_file):
    a = https_server.serve("/a", b"a")
    ended = run("get", a.url, "--no-env")
    assert (ended.status, ended.out) == (1, "")
    assert "did not trust" in ended.err
    assert run("get", a.url, "--ca-file", ca_file).status == 0


def test_insecure_is_possible_and_warns(run, https_server):
    ended = run("get", https_server.serve("/a", b"a").url, "--insecure")
    assert ended.status == 0
    assert "asyncfetch: warning: " in ended.err


def test_names_that_move_the_cursor_are_shown_escaped(run, http_server):
    ended = run("get", http_server.serve("/%1b%5b2Ja%0ab", b"a").url)
    assert ended.status == 0
    assert ended.out.endswith("/\\x1b[2Ja\\nb  1\n")
    ended = run("get", http_server.serve("/%1b%5b2Ja%0ab", b"a").url, "--json")
    assert ended.objects[0]["path"].endswith("/\x1b[2Ja\nb")


def test_to_standard_output(http_server, tmp_path):
    a = http_server.serve("/a", Pattern(3_000_000))
    with process("get", a.url, "-o", "-", cwd=tmp_path) as running:
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out, err) == (0, Pattern(3_000_000).read(), b"")


def test_to_standard_output_nothing_unchecked(http_server, tmp_path):
    bad = http_server.serve("/bad", Pattern(50_000), always=[Corrupt(7)])
    good = http_server.serve("/good", Pattern(50_000))
    only = finished("get", bad.url, "-o", "-", "--digest", good.digest, cwd=tmp_path)
    assert (only.status, only.out) == (1, "")
    with process("get", bad.url, "-o", "-", "--digest", good.digest, "--mirror", good.url, cwd=tmp_path) as running:
        out, _ = running.communicate(timeout=20)
    assert (running.returncode, out) == (0, Pattern(50_000).read())
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("arguments", [["get", "--json"], ["get"], ["list"]])
def test_a_reader_that_has_gone_is_no_news(http_server, tmp_path, arguments):
    if arguments[0] == "list":
        url = tmp_path.as_uri()
        (tmp_path / "a").touch()
    else:
        url = http_server.serve("/a", b"a").url
    reading, writing = os.pipe()
    os.close(reading)
    with process(*arguments, url, cwd=tmp_path, stdout=writing) as running:
        os.close(writing)
        _, err = running.communicate(timeout=20)
    assert (running.returncode, err) == (141, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell that can close descriptors")
def test_a_log_that_nobody_reads_stops_nothing(http_server, tmp_path):
    pages = [http_server.serve(f"/{number}", b"hello") for number in range(3)]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        arguments = ("get", "-vv", *(page.url for page in pages), "-d", tmp_path / "there")
        with process(*arguments, stderr=writing) as running:
            out, _ = running.communicate(timeout=30)
    finally:
        os.close(writing)
    assert len(out.splitlines()) == 3
    assert len(os.listdir(tmp_path / "there")) == 3


def test_closed_standard_streams_are_no_place_for_other_files(http_server, tmp_path):
    a = http_server.serve("/a", Pattern(100_000))
    command = ["sh", "-c", 'exec "$@" >&- 2>&- <&-', "sh", *PROGRAM, "get", a.url, http_server.url("/none")]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), check=False)
    assert ended.returncode == 1
    assert (tmp_path / "a").read_bytes() == Pattern(100_000).read()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_under_standard_output_is_named(http_server):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [*PROGRAM, "cat", http_server.serve("/a", b"a").url],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == b"asyncfetch: error: cannot write standard output: No space left on device\n"


def test_a_piped_run_has_no_control_characters(http_server, tmp_path):
    a = http_server.serve("/a", Pattern(200_000))
    ended = finished("get", a.url, http_server.url("/no"), "-v", cwd=tmp_path)
    assert ended.status == 1
    assert not [one for one in ended.out + ended.err if not one.isprintable() and one != "\n"]


def test_an_old_part_is_continued_by_the_same_command(run, http_server, tmp_path):
    a = http_server.serve("/a", Pattern(2_000_000), faults=[Cut(1_000_000)])
    assert run("get", a.url, "--retries", 0).status == 1
    ended = run("get", a.url, "--json")
    assert ended.objects[0]["resumed_from"] == 1_000_000
    assert a.body_bytes_sent == 2_000_000
    assert (tmp_path / "a").read_bytes() == Pattern(2_000_000).read()


def test_a_source_that_fails_twice_is_asked_again(run, http_server, tmp_path):
    a = http_server.serve("/a", Pattern(300_000), faults=[Cut(100_000), (IgnoreRange(), Cut(50_000))])
    ended = run("get", a.url, "--json")
    assert (ended.status, ended.objects[0]["attempts"]) == (0, 3)
    assert (tmp_path / "a").read_bytes() == Pattern(300_000).read()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_long_list_costs_no_memory(http_server, tmp_path):
    """A list is read as it is needed: 200,000 lines behind a source that stalls stay in their file."""
    stalled = http_server.serve("/stalled", b"x" * 100, always=[Stall(10)])
    list_file = tmp_path / "list"
    with list_file.open("w") as file:
        for number in range(200_000):
            file.write(f"{stalled.url}?number={number:060}\n  out={number}\n")
    with process("get", "-i", list_file, "-j", 4, cwd=tmp_path) as running:
        http_server.wait_until(lambda: stalled.hits >= 4)
        with open(f"/proc/{running.pid}/status") as file:
            (peak,) = [int(line.split()[1]) for line in file if line.startswith("VmHWM")]
        running.terminate()
        assert running.wait(10) == 143
    assert peak < 80 * 1024  # KiB; the list alone is 24 MB of text, and some 200 MB as objects
