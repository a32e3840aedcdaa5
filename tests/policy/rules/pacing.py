"""What must hold of pacing: too slow for two windows is a stall; a host in trouble is asked less, but never nothing."""

from collections import Counter
from fractions import Fraction

import hypothesis
from hypothesis import strategies as st

from asyncfetch import Retry

_TICKS = st.lists(st.integers(1, 12), min_size=1, max_size=60)


def check(module, *, examples=200, phases=tuple(hypothesis.Phase)):
    """Watch transfers of known speed; fractions, so that "exactly the rate" is exact."""
    seen = Counter()
    _check_windows(module)  # what is quick comes first
    _check_pauses(module)

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(
        st.integers(1, 100), st.integers(1, 20), st.integers(-50, 50), _TICKS, st.integers(0, 2), st.data()
    )
    def watch(rate, window, start, ticks, extra, data):
        enough = module.StallWatch(rate, window, start)
        short = module.StallWatch(rate, window, start)
        now = Fraction(start)
        got, lacking, told = 0, 0, False
        for tick in ticks:
            now += Fraction(tick, 2)
            got += Fraction(rate * tick, 2) + extra
            assert not enough.stalled(now, got)
            # the other gets less than the rate, by at least the least bit
            lacking += Fraction(rate * tick, 2) * data.draw(st.sampled_from([0, Fraction(1, 2), Fraction(999, 1000)]))
            stalled = short.stalled(now, lacking)
            assert not (stalled and now - start < window)
            told = told or stalled
        assert told == (now - start >= window)  # the first window that passed was too slow already
        seen["stalled" if told else "too early to tell"] += 1

    _check_allowance(module, seen, examples, phases)
    watch()
    return seen


_HEARD = st.tuples(
    st.sampled_from(["lost", "went well", "went well", "went well", "not found", "turned away"]),
    st.integers(0, 3),
    st.integers(1, 20),
    st.sampled_from([0, 1, 1, 5, 700]),
)


def _check_allowance(module, seen, examples, phases):
    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(st.sampled_from([1, 2, 2, 3, 16]), st.lists(_HEARD, min_size=15, max_size=60))
    def play(most, heard):
        _Allowed(module, most, seen).run(heard)

    play()


class _Allowed:
    """An allowance, and a model that knows when each loss was and who went well since."""

    def __init__(self, module, most, seen):
        self.one, self.most, self.seen = module.Allowance(most), most, seen
        self.now, self.lost_at, self.well, self.until, self.pauses = 100, None, 0, None, 0
        self.places = most

    def run(self, heard):
        for kind, ago, busy, later in heard:
            self.now += later
            getattr(self, kind.replace(" ", "_"))(ago, busy)
            assert self.one.places == self.places
            assert 1 <= self.places <= self.most
            assert self.one.pauses == self.pauses
            assert (self.one.until > self.now) == (self.until is not None and self.until > self.now)
            assert self.one.is_over(self.now) == self.is_over()
        self.seen["recovered"] += self.lost_at is not None and self.places == self.most > 1

    def lost(self, ago, busy):
        began = self.now - ago
        if self.lost_at is not None and began < self.lost_at:
            self.seen["lost together"] += 1
        else:
            self.seen["lost"] += 1
            self.places, self.well, self.lost_at = max(1, min(self.places, busy) // 2), 0, self.now
        self.one.lost(began=began, now=self.now, busy=busy)

    def went_well(self, _ago, _busy):
        self.pauses = 0
        self.well += 1
        if self.places < self.most and self.well >= self.places:
            self.places, self.well = self.places + 1, 0
        elif self.places == self.most:
            self.well = 0
        self.one.answered(well=True)

    def not_found(self, _ago, _busy):
        self.pauses = 0
        self.one.answered(well=False)

    def turned_away(self, _ago, busy):
        if self.until is None or self.until <= self.now:
            self.pauses += 1
        else:
            self.seen["prolonged"] += self.now + busy > self.until
        self.until = self.now + busy if self.until is None else max(self.until, self.now + busy)
        self.one.turned_away(self.now, busy)

    def is_over(self):
        last = max([at for at in (self.lost_at, self.until) if at is not None], default=None)
        if self.until is not None and self.until > self.now:
            return False
        quiet = self.places == self.most and self.pauses == 0
        self.seen["over"] += quiet or (last is not None and self.now - last > 600)
        return quiet or (last is not None and self.now - last > 600)


def _check_silence(module):
    """A host that is down is told from one that is crowded, which says so or answers now and then."""
    one, now = module.Allowance(8), 0.0
    seen = []
    for silent in (True, True, True, True, True, False, True, False, True, True):
        now += 1
        one.lost(began=now, now=now, busy=8, silent=silent)
        seen.append(one.places)
    assert seen == [4, 2, 1, 8, 4, 2, 1, 1, 1, 8]
    one = module.Allowance(2)
    for now in (1.0, 2.0, 3.0):
        one.lost(began=now, now=now, busy=2, silent=True)
        one.answered(well=False)
        assert one.places == 1


def _check_pauses(module):
    one = module.Allowance(16)
    one.lost(began=1.0, now=2.0, busy=16)
    one.lost(began=1.5, now=3.0, busy=16)  # under way at the loss: it is the same one
    assert one.places == 8
    one.lost(began=2.0, now=4.0, busy=8)
    assert one.places == 4
    _check_silence(module)
    one = module.Allowance(4)
    one.turned_away(100.0, 1)
    assert not one.is_over(102.0)  # not before it has answered, or long after
    assert one.is_over(702.0)
    one = module.Allowance(4)
    one.lost(began=100.0, now=100.0, busy=4)
    one.turned_away(100.0, 500)
    assert not one.is_over(800.0)
    assert one.is_over(1201.0)
    one, retry = module.Allowance(4), Retry(backoff=2, backoff_max=10, retry_after_max=50)
    assert one.pause(7, retry, 0.0) == 7
    assert one.pause(70, retry, 1.0) == 50
    assert [one.pause(nothing, retry, 0.5) for nothing in (None, 0)] == [1, 1]
    for pauses, longest in ((1, 4), (2, 8), (3, 10), (4, 10)):
        one.turned_away(100.0 * pauses, 1)
        assert one.pauses == pauses
        assert one.pause(None, retry, 1.0) == longest
    for number in range(2_000):  # 2.0 ** 1100 is more than a float holds
        one.turned_away(1_000.0 + 2 * number, 1)
    assert one.pause(None, retry, 1.0) == 10
    one.answered(well=False)
    assert one.pause(None, retry, 1.0) == 2


def _check_windows(module):
    watch = module.StallWatch(10, 5, 100)
    assert not watch.stalled(104.9, 0)
    assert watch.stalled(105, 49)
    watch = module.StallWatch(10, 5, 100)
    assert not watch.stalled(105, 50)
    # early bytes do not pay for a later window
    assert not watch.stalled(109.9, 50)
    assert watch.stalled(110, 50)
    # a long silence between two looks is judged by its whole length
    watch = module.StallWatch(10, 5, 100)
    assert watch.stalled(120, 100)
    # after a stall was told the next window begins
    assert not watch.stalled(124.9, 100)
    assert watch.stalled(125, 149)
    assert not watch.stalled(130, 199)
