"""Retry and mirrors: the rules under any failures (`rules.attempts`), and the order of a few by example."""

import pytest

from asyncfetch import Retry, Verdict
from asyncfetch._policy import attempts
from asyncfetch._policy.attempts import Attempts, Step
from tests.policy.rules.attempts import check

RETRY, NEXT, ABORT = Verdict.RETRY, Verdict.NEXT_SOURCE, Verdict.ABORT


def test_the_rules_hold():
    seen = check(attempts)
    for case in (
        "waited", "mirror before waiting", "given up", "exhausted", "dropped", "progressed", "renewed",
        "postponed", "aborted", "retry-after decided", "back-off decided",
    ):  # fmt: skip
        assert seen[case] >= 30, (case, seen)


def _queue(sources, random=1.0, **retry):
    return Attempts(sources, Retry(**retry), lambda: random)


def test_one_source_waits_longer_each_time():
    queue = _queue(1, attempts=8)
    pauses = [queue.failed(0, RETRY, 0.0).pause for _ in range(7)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30]
    assert queue.failed(0, RETRY, 0.0) is None


def test_mirrors_come_before_waiting_and_in_turn():
    queue = _queue(3, attempts=2)
    assert queue.first() == Step(0, 0.0)
    assert queue.failed(0, RETRY, 0.0) == Step(1, 0.0)
    assert queue.failed(1, RETRY, 0.1) == Step(2, 0.0)
    assert queue.failed(2, RETRY, 0.2) == Step(0, pytest.approx(0.3))
    assert queue.failed(0, RETRY, 0.5) == Step(1, pytest.approx(0.1))
    assert queue.failed(1, NEXT, 0.6) == Step(2, pytest.approx(0.1))
    assert queue.failed(2, RETRY, 0.7) is None


@pytest.mark.parametrize(
    ("asked", "pause"), [(None, 0.5), (0, 0.5), (0.2, 0.5), (7, 7), (300, 300), (9000, 300), (-5, 0.5)]
)
def test_retry_after_is_respected_up_to_a_cap(asked, pause):
    assert _queue(1).failed(0, RETRY, 10.0, retry_after=asked) == Step(0, pause)


@pytest.mark.parametrize(("random", "pause"), [(0.0, 0.0), (0.25, 0.125), (1.0, 0.5)])
def test_full_jitter(random, pause):
    assert _queue(1, random).failed(0, RETRY, 10.0) == Step(0, pause)


def test_progress_resets_the_count():
    queue = _queue(1, attempts=2)
    for _ in range(20):
        assert queue.failed(0, RETRY, 0.0, progressed=True) == Step(0, 0.5)
    assert queue.failed(0, RETRY, 0.0) is None


def test_abort_ends_the_wish_whatever_is_left():
    assert _queue(3).failed(0, ABORT, 0.0, progressed=True) is None


def test_a_bad_digest_over_a_resumed_part_is_asked_once_more():
    queue = _queue(2)
    assert queue.afresh(0) == Step(0, 0.0)
    assert queue.afresh(0) is None
    assert queue.failed(0, NEXT, 0.0) == Step(1, 0.0)
    assert queue.afresh(1) == Step(1, 0.0)


def test_a_host_that_is_left_alone_is_not_blamed():
    queue = _queue(2, attempts=1)
    assert queue.postpone(0, 0.0, 9.0) == Step(1, 0.0)
    assert queue.postpone(1, 0.0, 5.0) == Step(1, 5.0)
    assert queue.failed(1, RETRY, 5.0) == Step(0, 4.0)
    assert queue.failed(0, RETRY, 9.0) is None
