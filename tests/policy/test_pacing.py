"""The stall rule (`rules.pacing`)."""

from asyncfetch._policy import pacing
from tests.policy.rules.pacing import check


def test_the_rules_hold():
    seen = check(pacing)
    assert seen["stalled"] >= 50, seen
    assert seen["too early to tell"] >= 10, seen


def test_a_stall_is_found_within_two_windows():
    watch = pacing.StallWatch(1000, 30, 0.0)
    ticks = [tenth / 10 for tenth in range(1, 950)]
    # fast for 1 s after the first window began, then silent
    told = [now for now in ticks if watch.stalled(now, int(min(now, 31.0) * 100_000))]
    assert told
    assert 31 < told[0] <= 31 + 2 * 30 + 0.1
