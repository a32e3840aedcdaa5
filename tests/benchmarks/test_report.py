"""What the benchmarks make of their runs: ratios pair by pair, verdicts, tables, the plot."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from benchmarks.measure import Sample, Series
from benchmarks.peers import CONTENDERS
from benchmarks.plot import plot
from benchmarks.report import Finding, as_json, as_markdown, compare
from benchmarks.rows import ROWS, Claim
from benchmarks.work import MIB


def series(name, *walls, cpu=1.0, memory=0, verifies=True):
    return Series(name, "1.0", verifies, [Sample(wall, cpu, memory, 0.5) for wall in walls])


def held(claim, *all_series):
    return compare("row", "title", claim, {one.name: one for one in all_series}, "ours")


def test_a_ratio_is_taken_pair_by_pair():
    """Both slow down together in the second round: the ratio must not see it."""
    found = held(Claim("time", 1.0, 0.6, ("peer",)), series("ours", 1.0, 10.0, 2.0), series("peer", 2.0, 20.0, 4.0))
    assert found.values == [0.5, 0.5, 0.5]
    assert found.verdict == "**stretch**"


@pytest.mark.parametrize(
    ("claim", "ours", "peer", "verdict"),
    [
        (Claim("time", 1.0, 0.6, ("peer",)), 0.9, 1.0, "must"),
        (Claim("time", 1.0, 0.6, ("peer",)), 1.1, 1.0, "**missed**"),
        (Claim("speed", 0.4, 1.0, ("peer",)), 2.0, 1.0, "must"),
        (Claim("speed", 0.4, 1.0, ("peer",)), 3.0, 1.0, "**missed**"),
        (Claim("speed", 0.4, 1.0, ("peer",)), 1.0, 1.0, "**stretch**"),
        (Claim("speed", None, 1.0, ("peer",)), 2.0, 1.0, "short of stretch"),
    ],
)
def test_verdicts(claim, ours, peer, verdict):
    assert held(claim, series("ours", ours), series("peer", peer)).verdict == verdict


def test_the_slower_of_several_peers_counts():
    found = held(
        Claim("time", 1.25, 1.05, ("curl", "hash")), series("ours", 2.2), series("curl", 1.0), series("hash", 2.0)
    )
    assert found.median == pytest.approx(1.1)


def test_memory_is_ours_alone():
    found = held(Claim("memory", 48 * MIB, 24 * MIB), series("ours", 1.0, memory=30 * MIB))
    assert (found.median, found.unit, found.verdict) == (30.0, "MiB", "must")


def test_a_missing_peer_is_told_and_proves_nothing():
    absent = Series("peer", absent="peer is not installed")
    found = held(Claim("time", 1.0, None, ("peer",)), series("ours", 0.1), absent)
    assert found.verdict == "not measured: peer: peer is not installed"
    failed = Series("peer", failed="Traceback\nValueError: a|b")
    assert held(Claim("time", 1.0, None, ("peer",)), series("ours", 0.1), failed).verdict.endswith("ValueError: a/b")


def test_the_table_has_every_finding_every_run_and_marks_who_verifies_nothing():
    ours, peer = series("ours", 1.0, cpu=0.5), series("peer", 2.0, verifies=False)
    pictures = {"row": ("a title", {"ours": ours, "peer": peer, "gone": Series("gone", absent="not here")})}
    findings = [held(Claim("time", 1.0, 0.6, ("peer",)), ours, peer), Finding.missing("other", "another", "no reason")]
    text = as_markdown(findings, pictures, {"machine": "this one"}, {"a row": "not built"})
    for line in (
        "* machine: this one",
        "| title | time over peer | <= 1 x | <= 0.6 x | 0.50 x (0.50 - 0.50); CPU 0.50 x | **stretch** |",
        "| another | none |  |  |  | not measured: no reason |",
        "| a row | | | | | not measured: not built |",
        "| peer * | 2.000 (2.000 - 2.000) | 1.00 | 0.0 | 1.0 | 0.5-0.5 |",
        "| ours | 1.000 (1.000 - 1.000) | 0.50 | 0.0 | 1.0 | 0.5-0.5 |",
        "| gone | not here | | | | |",
    ):
        assert line in text.splitlines(), line
    told = json.loads(json.dumps(as_json(findings, {"row": pictures["row"][1]}, {})))
    assert told["findings"][0]["verdict"] == "stretch"
    assert told["runs"]["row"]["peer"]["samples"][0]["wall"] == 2.0


def test_the_plot_is_an_image_with_a_bar_for_each_who_ran():
    pictures = {"row": ("a <title>", {"a": series("asyncfetch", 1.0), "b": series("b", 2.0), "c": Series("c")})}
    image = ET.fromstring(plot(pictures))
    bars = [one for one in image.iter("{http://www.w3.org/2000/svg}rect") if one.get("x")]
    lengths = [float(bar.get("width")) for bar in bars]
    assert len(lengths) == 2
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=0.1)


def test_every_row_names_contenders_that_there_are_and_claims_among_them():
    for row in ROWS:
        ran = {*row.contenders, *row.more}
        assert ran <= CONTENDERS.keys()
        for claim in row.claims:
            assert set(claim.against) <= ran, row.name
