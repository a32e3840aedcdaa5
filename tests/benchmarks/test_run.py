"""A whole run of the benchmarks, as small as can be: that it works, never how fast."""

from __future__ import annotations

import hashlib
import json

import pytest

from benchmarks.__main__ import main
from benchmarks.far_ends import FarEnds
from benchmarks.measure import Bench, Errand
from benchmarks.peers import CONTENDERS, Contender
from benchmarks.work import TINY, File, Work
from tests.servers.process import find

needs_nginx = pytest.mark.skipif(find("nginx") is None, reason="nginx is not installed")


def test_the_work_is_the_same_each_time_and_its_digests_hold(tmp_path):
    one = Work(tmp_path / "one", TINY, {"small", "install"})
    other = Work(tmp_path / "other", TINY, {"small", "install"})
    assert one.files == other.files
    assert len(one.files["small"]) == TINY.small
    assert len({file.digest for file in one.files["small"]}) == TINY.small, "no two are alike"
    for file in one.files["install"]:
        data = (tmp_path / "one" / file.name).read_bytes()
        assert (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}") == (file.size, file.digest)


@needs_nginx
def test_a_run_leaves_figures_of_every_contender(tmp_path, capsys):
    rows = ["--only", "http-large-sha256", "--only", "small", "--only", "queue"]
    assert main(["--scale", "tiny", *rows, "--to", str(tmp_path)]) == 0
    told = json.loads((tmp_path / "results.json").read_text())
    runs = told["runs"]
    for row, who in (("http-large-sha256", "asyncfetch"), ("http-large-sha256", "sha256 alone"), ("small", "httpx")):
        assert len(runs[row][who]["samples"]) == TINY.rounds, runs[row][who]
        assert runs[row][who]["samples"][0]["wall"] > 0
    assert runs["http-large-sha256"]["asyncfetch"]["verifies"] is True
    assert runs["small"]["httpx"]["verifies"] is False
    assert {finding["row"] for finding in told["findings"]} == {"http-large-sha256", "small", "queue"}
    assert (tmp_path / "results.md").read_text() in capsys.readouterr().out
    assert (tmp_path / "results.svg").read_text().startswith("<svg")


@needs_nginx
def test_the_profile_names_the_functions_of_a_row(tmp_path, capsys):
    stacks = tmp_path / "stacks"
    assert main(["profile", "http-large-sha256", "--scale", "tiny", "--stacks", str(stacks)]) == 0
    assert "samples" in capsys.readouterr().out
    assert stacks.exists()


def test_rows_that_there_are_not_are_a_mistake(capsys):
    assert main(["--only", "nothing"]) == 2
    assert "no row is called nothing" in capsys.readouterr().err
    assert main(["profile", "nothing"]) == 2


def test_a_contender_that_delivers_something_else_is_found_out(tmp_path):
    """The run is not counted when a file is not what was asked for."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "file").write_bytes(b"what is there")
    ends = FarEnds(bases={"file": f"{served.as_uri()}/"})
    right = File("file", 13, f"sha256:{hashlib.sha256(b'what is there').hexdigest()}")
    wrong = File("file", 13, f"sha256:{hashlib.sha256(b'what we meant').hexdigest()}")
    bench = Bench(tmp_path, ends, right, {})
    copy = CONTENDERS["cp"]
    assert len(bench.alternate([copy], Errand("file", [right]), 2)["cp"].samples) == 2
    found = bench.alternate([copy], Errand("file", [wrong]), 2)["cp"]
    assert not found.samples
    assert "not what was asked for" in found.failed


def test_a_contender_that_is_not_here_is_told(tmp_path):
    gone = Contender("gone", "by_curl", command="no-such-program-at-all")
    bench = Bench(tmp_path, FarEnds(bases={"file": "file:///"}), File("x", 0, ""), {})
    found = bench.alternate([gone], Errand("file", [File("x", 0, "")]), 1)["gone"]
    assert found.absent == "no-such-program-at-all is not installed"
