"""Stalls, and what a host in trouble may be asked (`rules.pacing`)."""

from asyncfetch._policy import pacing
from tests.policy.rules.pacing import check


def test_the_rules_hold():
    seen = check(pacing)
    assert seen["stalled"] >= 50, seen
    assert seen["too early to tell"] >= 10, seen
    for case in ("lost", "lost together", "recovered", "prolonged", "over"):
        assert seen[case] >= 50, seen


def test_a_burst_that_is_turned_away_halves_the_places_once_and_each_round_that_goes_well_adds_one():
    one = pacing.Allowance(16)
    for _ in range(16):
        one.lost(began=1.0, now=2.0, busy=16)
    assert one.places == 8
    for _ in range(8):
        one.answered(well=True)
    assert one.places == 9
    one.lost(began=3.0, now=4.0, busy=3)  # so many were under way: more would not have been tried
    assert one.places == 1
    one.lost(began=5.0, now=6.0, busy=1)
    assert one.places == 1


def test_a_stall_is_found_within_two_windows():
    watch = pacing.StallWatch(1000, 30, 0.0)
    ticks = [tenth / 10 for tenth in range(1, 950)]
    # fast for 1 s after the first window began, then silent
    told = [now for now in ticks if watch.stalled(now, int(min(now, 31.0) * 100_000))]
    assert told
    assert 31 < told[0] <= 31 + 2 * 30 + 0.1
