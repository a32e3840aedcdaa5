"""What must hold of the stall rule: too slow for two windows is a stall, fast enough never is."""

from collections import Counter
from fractions import Fraction

import hypothesis
from hypothesis import strategies as st

_TICKS = st.lists(st.integers(1, 12), min_size=1, max_size=60)


def check(module, *, examples=200, phases=tuple(hypothesis.Phase)):
    """Watch transfers of known speed; fractions, so that "exactly the rate" is exact."""
    seen = Counter()

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

    watch()
    _check_windows(module)
    return seen


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
