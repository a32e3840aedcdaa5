"""What must hold of the order of sources, whatever was heard of their hosts."""

from collections import Counter

import hypothesis
from hypothesis import strategies as st

from asyncfetch import Verdict

_HOSTS = "abcd"
_EVENTS = st.tuples(
    st.sampled_from(["retry", "next", "abort", "well", "rate", "rate", "rate"]),
    st.sampled_from(_HOSTS),
    st.sampled_from([0, 0, 1, 50, 119, 121, 301, 2000]),
    st.sampled_from([1.0, 9.0, 11.0, 100.0, 2000.0]),
)


def check(module, *, examples=300, phases=tuple(hypothesis.Phase)):
    """Tell a scoreboard what happens, and hold its orders against a model that keeps everything."""
    seen = Counter()
    _check_times(module)  # what is quick comes first

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(st.lists(_EVENTS, max_size=30), st.permutations(_HOSTS), st.integers(1, 4))
    def play(events, hosts, count):
        board, model, now = module.Scoreboard(), _Model(), 0.0
        for kind, host, later, rate in events:
            now += later
            if kind == "rate":
                board.measured(host, rate, now)
            elif kind == "well":
                board.succeeded(host, now)
            else:
                board.failed(host, {"retry": Verdict.RETRY, "next": Verdict.NEXT_SOURCE}.get(kind, Verdict.ABORT), now)
            model.hear(kind, host, rate, now)
            _judge(board, model, hosts[:count], now, seen)

    play()
    _check_bounds(module)
    return seen


def _judge(board, model, hosts, now, seen):
    order = board.order(hosts, now)
    assert sorted(order) == list(range(len(hosts)))
    ranks = [model.rank(host, now) for host in hosts]
    assert order == sorted(range(len(hosts)), key=lambda index: (ranks[index], index))
    seen["as given" if order == sorted(order) else "preferred"] += 1
    seen["crawls"] += len(hosts) > 1 and 1 in ranks
    seen["fails"] += len(hosts) > 1 and 2 in ranks


class _Model:
    """Everything heard, in the words of the rules."""

    def __init__(self):
        self.held, self.rates = {}, {}

    def against(self, host, now):
        score, at = self.held.get(host, (0.0, now))
        return score / 2 ** ((now - at) / 120)

    def hear(self, kind, host, rate, now):
        if kind == "rate":
            known, at = self.rates.get(host, (rate, now))
            self.rates[host] = (rate if now - at >= 300 else (known + rate) / 2, now)
        elif kind == "well":
            self.held[host] = (self.against(host, now) / 4, now)
        elif kind != "abort":
            self.held[host] = (min(8, self.against(host, now) + (1 if kind == "retry" else 0.4)), now)

    def rank(self, host, now):
        if self.against(host, now) >= 0.5:
            return 2
        known = {one: rate for one, (rate, at) in self.rates.items() if now - at < 300}
        return int(host in known and known[host] * 10 < max(known.values()))


def _check_times(module):
    board = module.Scoreboard()
    board.failed("a", Verdict.RETRY, 0.0)
    assert board.order("ab", 119.9) == [1, 0]
    assert board.order("ab", 120.1) == [0, 1]  # forgotten in time
    board.failed("b", Verdict.NEXT_SOURCE, 200.0)
    assert board.order("ba", 200.0) == [0, 1]  # one missing file says nothing of a host
    board.failed("b", Verdict.NEXT_SOURCE, 200.0)
    assert board.order("ba", 200.0) == [1, 0]
    board.succeeded("b", 200.0)
    assert board.order("ba", 200.0) == [0, 1]
    for _ in range(50):
        board.failed("c", Verdict.RETRY, 200.0)
    for _ in range(3):
        board.succeeded("c", 200.0)
    assert board.order("cb", 200.0) == [0, 1]  # no host is so bad that three successes could not clear it
    board.measured("a", 1_000.0, 200.0)
    board.measured("b", 99.0, 200.0)
    assert board.order("bca", 300.0) == [1, 2, 0]  # nothing is known of c, so nothing is held against it
    assert board.order("bca", 500.0) == [0, 1, 2]


def _check_bounds(module):
    board = module.Scoreboard()
    for number in range(1023):
        board.failed(number, Verdict.RETRY, 0.0)
    for name in (0, "new", "newer"):
        board.failed(name, Verdict.RETRY, 1.0)
    assert board.order([0, 1], 2.0) == [1, 0]  # the one that failed longest ago made room
    board = module.Scoreboard()
    board.failed("bad", Verdict.RETRY, 0.0)
    for number in range(1023):
        board.failed(number, Verdict.NEXT_SOURCE, 1.0)
    board.failed("new", Verdict.RETRY, 2.0)
    assert board.order(["bad", "other"], 2.0) == [1, 0]  # those that do not count made room
    board = module.Scoreboard()
    for number in range(5_000):
        board.failed(number, Verdict.RETRY, number / 1000)
        board.measured(number, 1.0, number / 1000)
    assert len(board.failing) <= 1024
    assert len(board._rates) <= 1024
    assert board.order([4_999, 0], 5.0) == [1, 0]  # the latest are remembered
    assert board.order([4_500, 0], 5.0) == [1, 0]
    for number in range(500):
        board.succeeded(4_999 - number, 5_000.0)
    board.failed("x", Verdict.RETRY, 5_000.0)
    assert len(board.failing) <= 1024 - 500 + 1
    board.failed(1, Verdict.RETRY, 5_000.0)
    for number in range(10_000, 11_024):  # what counts no longer makes room for what does
        board.failed(number, Verdict.RETRY, 5_000.0)
    assert board.order([10_500, 0], 5_000.0) == [1, 0]
