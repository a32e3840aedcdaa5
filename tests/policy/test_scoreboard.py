"""Which source first (`rules.scoreboard`)."""

from asyncfetch import Verdict
from asyncfetch._policy import scoreboard
from tests.policy.rules.scoreboard import check


def test_the_rules_hold():
    seen = check(scoreboard)
    for case in ("as given", "preferred", "crawls", "fails"):
        assert seen[case] >= 50, seen


def test_one_source_is_asked_whatever_is_held_against_it():
    board = scoreboard.Scoreboard()
    for _ in range(20):
        board.failed("h", Verdict.RETRY, 0.0)
    assert board.order(["h"], 0.0) == [0]
