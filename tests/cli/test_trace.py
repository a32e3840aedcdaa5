"""``get --trace``: what the file says is what ``Result.timings`` says, and it can be opened by what draws traces."""

import json

import pytest

import asyncfetch
from asyncfetch.cli.trace import Trace
from asyncfetch.testing import Cut, Pattern

from .running import finished


def test_a_row_a_fetch(http_server, tmp_path):
    good = http_server.serve("/good", b"x" * 20_000)
    cut = http_server.serve("/cut", Pattern(3_000_000), faults=[Cut(1_000_000)])
    ended = finished(
        "get", good.url, cut.url, http_server.url("/none"), "--digest", "sha256", "--trace", "trace.json", cwd=tmp_path
    )
    assert ended.status == 1
    events = json.loads((tmp_path / "trace.json").read_text())
    rows = {one["tid"]: one["args"]["name"].split()[1] for one in events if one["name"] == "thread_name"}
    assert sorted(rows.values()) == ["cut", "good", "none"]
    slices = {name: {} for name in rows.values()}
    for one in events:
        if one["ph"] == "X":
            slices[rows[one["tid"]]][one["name"]] = one
    assert set(slices["good"]) >= {"fetch", "connect", "first byte", "body", "commit", "write", "hash"}
    assert set(slices["none"]) == {"failed: NotFound"}
    assert "404" in slices["none"]["failed: NotFound"]["args"]["error"]
    assert slices["cut"]["fetch"]["args"]["attempts"] == 2
    (retry,) = (one for one in events if one["ph"] == "i")
    assert (retry["name"], rows[retry["tid"]]) == ("Interrupted", "cut")
    for row in ("good", "cut"):
        whole = slices[row].pop("fetch")
        for one in slices[row].values():
            assert one["dur"] > 0
            assert (
                one["pid"] == 2
                or whole["ts"] - 1 <= one["ts"] <= one["ts"] + one["dur"] <= whole["ts"] + whole["dur"] + 1
            )


@pytest.mark.anyio
async def test_the_numbers_are_those_of_the_result(http_server, tmp_path):
    page = http_server.serve("/a", Pattern(3_000_000))
    seen = []
    with Trace(str(tmp_path / "trace.json"), seen.append) as trace:
        async with asyncfetch.Client(observer=trace) as client:
            result = await client.fetch(page.url, tmp_path / "a", digest="md5")
    assert isinstance(seen[-1], asyncfetch.Finished)
    told = {one["name"]: one["dur"] / 1e6 for one in json.loads((tmp_path / "trace.json").read_text()) if "dur" in one}
    for name in ("first_byte", "body", "commit", "write", "hash"):
        assert told[name.replace("_", " ")] == pytest.approx(getattr(result.timings, name))
    assert told["fetch"] == pytest.approx(result.elapsed)


def test_a_trace_that_was_cut_short_is_as_far_as_it_came(tmp_path):
    trace = Trace(str(tmp_path / "trace.json"), lambda event: None)
    trace.__enter__()
    trace._file.flush()  # and then the process was killed
    events = json.loads((tmp_path / "trace.json").read_text() + "]")
    assert [one["args"]["name"] for one in events][:1] == ["fetches"]
    trace.__exit__(None, None, None)


def test_no_place_for_it(http_server, tmp_path):
    page = http_server.serve("/a", b"a")
    ended = finished("get", page.url, "--trace", "none/trace.json", cwd=tmp_path)
    assert ended.status == 1
    assert "none/trace.json" in ended.err
    assert page.hits == 0
