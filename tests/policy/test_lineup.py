"""The order in which wishes are carried out (`rules.lineup`), and what it is for by example."""

from asyncfetch._policy import lineup
from asyncfetch._policy.lineup import LARGE, Lineup
from tests.policy.rules.lineup import check


def test_the_rules_hold():
    seen = check(lineup)
    for case in ("counted", "from the list", "full", "largest first"):
        assert seen[case] >= 100, seen


def test_a_full_host_holds_up_no_other():
    one = Lineup(lambda host: 1, aside=4)
    one.begin("full")
    one.set_aside("full", "waits")
    assert one.take() is None
    assert one.admits("other")
    one.end("full")
    assert one.take() == "waits"


def test_the_large_ones_of_a_list_are_not_read_ahead_and_so_not_counted():
    one = Lineup(lambda host: 5, aside=1)
    for number in range(5):
        one.put_first("h", number, LARGE + number)
    assert not one.full
    assert [one.take() for _ in range(6)] == [4, 3, 2, 1, 0, None]
