"""One file over several connections: which bytes are here, who brings which, how many (`rules`)."""

from asyncfetch._policy import coverage, split, widening
from tests.policy.rules import coverage as of_coverage, split as of_split, widening as of_widening


def test_the_rules_of_what_is_here_hold():
    seen = of_coverage.check(coverage)
    assert all(seen[case] >= 100 for case in ("islands", "gaps", "beyond the size")), seen


def test_the_rules_of_pieces_hold():
    # a module of its own, as the rules make its shortest piece shorter
    from tests.policy.test_mutations import _load

    seen = of_split.check(_load("split"))
    for case in ("a short rest came along", "cut", "extended", "given back", "shared"):
        assert seen[case] >= 50, seen


def test_the_rules_of_widening_hold():
    seen = of_widening.check(widening)
    assert seen["widened"] >= 10, seen
    assert seen["in vain"] >= 3, seen


def test_pieces_are_handed_out_in_order_and_those_that_failed_come_first():
    chart = split.Chart([(0, 100_000_000)])
    first, second = chart.take(10_000_000), chart.take(10_000_000)
    assert (first.start, second.start) == (0, 10_000_000)
    first.done = 4_000_000
    chart.end(first)
    again = chart.take(50_000_000)
    assert (again.start, again.stop) == (4_000_000, 10_000_000)
