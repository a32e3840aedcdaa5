"""What must hold of the number of connections: it grows while that pays, and falls back when it does not."""

from collections import Counter

import hypothesis
from hypothesis import strategies as st

PLENTY = 10**15


class Line:
    """A line of ``link`` bytes a second, on which each connection comes to ``flow``; looked at every tenth second.

    A connection begins to bring after ``asking`` seconds; ``rising`` seconds later it has its whole rate.
    """

    def __init__(self, module, most, *, link, flow, asking=0.3, rising=0.0, size=PLENTY, places=100):
        self.widening = module.Widening(most)
        self.link, self.flow, self.asking, self.rising, self.places = link, flow, asking, rising, places
        self.size = self.left = size
        self.now, self.ages = 0.0, [0.0]
        self.changes = []  # (seconds, connections wanted)
        self.rate = 0.0

    def step(self, *, fresh=False):
        self.now = round(self.now + 0.1, 1)
        self.ages = [round(age + 0.1, 1) for age in self.ages]
        share = [min(1.0, (age - self.asking) / self.rising) if self.rising else 1.0 for age in self.ages]
        rates = [self.flow * part for age, part in zip(self.ages, share, strict=True) if age > self.asking]
        self.rate = min(self.link, sum(rates))
        self.left -= int(self.rate * 0.1)
        was = self.widening.wanted
        wanted = self.widening.look(self.now, self.size - self.left, len(rates), max(0, self.left), fresh=fresh)
        assert wanted == self.widening.wanted
        if wanted != was:
            self.changes.append((self.now, wanted))
        there = min(wanted, self.places)
        self.ages = self.ages[:there] + [0.0] * (there - len(self.ages))

    def run(self, seconds, **how):
        for _ in range(round(seconds * 10)):
            if self.left > 0:
                self.step(**how)
        return self


def check(module, *, examples=100, phases=tuple(hypothesis.Phase)):
    """Play lines of all kinds."""
    seen = Counter()

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(
        st.integers(1, 9),
        st.integers(1, 40),
        st.floats(0.05, 0.8),
        st.floats(0.1, 2.0),
        st.sampled_from([10, 100, 1_000, 9_000]),
    )
    def play(most, width, asking, rising, seconds):
        line = Line(
            module, most, link=width * 50_000, flow=200_000, asking=asking, rising=rising, size=seconds * 100_000
        )
        line.run(60)
        wanted = [wanted for _, wanted in line.changes]
        assert all(1 <= number <= most for number in wanted)
        worth = width / 4  # connections that bring something
        assert all(number <= 4 * max(1, worth) for number in wanted)
        if line.left > 0 and most > 1 and worth >= 2:
            assert line.widening.proven
            assert line.rate >= 0.5 * min(line.link, most * line.flow)
            seen["widened"] += 1
        if worth <= 1:
            assert not line.widening.proven
            assert len(wanted) <= 8  # rests become longer
            seen["in vain"] += wanted.count(1)

    play()
    for one in (_limited, _filled, _partly, _rising, _short, _rests, _fresh, _no_place, _thresholds, _alone, _steady):
        one(module)
    return seen


def _limited(module):
    line = Line(module, 4, link=10**9, flow=10**6).run(20)
    assert [wanted for _, wanted in line.changes] == [2, 4]
    assert line.changes[-1][0] < 4
    assert line.widening.proven
    assert not line.widening.trying
    assert [wanted for _, wanted in Line(module, 3, link=10**9, flow=10**6).run(20).changes] == [2, 3]


def _filled(module):
    line = Line(module, 4, link=10**6, flow=10**9).run(8)
    assert [wanted for _, wanted in line.changes] == [2, 1]
    assert not line.widening.proven
    # a trial is not ended before its time
    assert line.changes[1][0] - line.changes[0][0] >= module.PATIENCE


def _partly(module):
    line = Line(module, 8, link=2_100_000, flow=10**6).run(25)
    assert line.widening.proven
    # the first trial of four was measured against a guess, so that the second one needs no rest; the third one does
    assert [wanted for _, wanted in line.changes][:6] == [2, 4, 2, 4, 2, 4]
    times = [now for now, _ in line.changes]
    assert times[3] - times[2] < module.PATIENCE
    assert module.REST <= times[5] - times[4] < module.REST + 1


def _rising(module):
    # while bytes come ever faster nothing can be said; unless that takes too long
    line = Line(module, 4, link=10**9, flow=10**6, rising=2.0).run(1.9)
    assert line.changes == []
    widening, received = module.Widening(4), 0
    for tenth in range(1, 60):
        received += int(1.2**tenth)
        if widening.look(tenth / 10, received, 1, PLENTY) > 1:
            break
    assert module.PATIENCE <= tenth / 10 <= module.PATIENCE + 1


def _short(module):
    # what is left must take WORTH seconds
    for seconds, tried in [(module.WORTH + 0.5, True), (module.WORTH - 0.5, False)]:
        widening = module.Widening(4)
        for tenth in range(1, 30):
            widening.look(tenth / 10, tenth * 100_000, 1, int(seconds * 10**6))
        assert (widening.wanted > 1) is tried


def _rests(module):
    line = Line(module, 4, link=10**6, flow=10**9).run(70)
    begun = [now for now, wanted in line.changes if wanted == 2]
    ended = [now for now, wanted in line.changes if wanted == 1]
    pauses = [round(later - earlier) for earlier, later in zip(ended, begun[1:], strict=False)]
    assert len(pauses) >= 2
    assert all(abs(pause - wanted) <= 1 for pause, wanted in zip(pauses, [5, 10, 20], strict=False)), pauses
    # what was proven in between makes the next rest short again
    line.link = 10**13
    line.run(60)
    assert line.widening.proven
    line.flow, line.link = line.rate / 4, line.rate
    widening = line.widening
    before = line.now
    widening.give_back(before, 2)
    line.run(module.REST - 0.5)
    assert widening.wanted == 2
    line.run(3)
    assert widening.wanted == 4


def _fresh(module):
    line = Line(module, 4, link=10**6, flow=10**9).run(12, fresh=True)
    assert [wanted for _, wanted in line.changes].count(2) >= 3  # another source needs no rest
    widening = module.Widening(4)
    widening.give_back(0.0, 1)
    widening.give_back(0.0, 1, fresh=True)
    for tenth in range(1, 45):
        assert widening.look(tenth / 10, tenth * 1000, 1, PLENTY) == 1
    for tenth in range(45, 70):
        widening.look(tenth / 10, tenth * 1000, 1, PLENTY)
    assert widening.wanted == 2


def _no_place(module):
    line = Line(module, 4, link=10**9, flow=10**6, places=1).run(10)
    assert line.widening.wanted == 2  # it goes on wanting
    assert not line.widening.proven
    line.places = 100
    line.run(4)
    assert line.widening.wanted == 4


def _thresholds(module):
    # from a million bytes a second: 2 connections, then ``factor`` times as much
    for factor, at_once, kept in [
        (1 + module.AT_ONCE + 0.01, True, True), (1 + module.AT_ONCE - 0.01, False, True),
        (1 + module.GAIN + 0.01, False, True), (1 + module.GAIN - 0.01, False, False), (0.0, False, False),
    ]:  # fmt: skip
        widening, received = module.Widening(2), 0
        now = 0.0
        while widening.wanted == 1:
            now, received = now + 0.1, received + 100_000
            widening.look(now, received, 1, PLENTY)
        since = now
        while widening.trying and now < since + 10:
            now, received = now + 0.1, received + int(100_000 * factor)
            widening.look(now, received, 2, PLENTY)
        assert (now - since < 1.5) is at_once, factor
        assert widening.proven is kept, factor
        assert widening.wanted == (2 if kept else 1), factor
    # the share of one more beside two is a half
    widening, now, received = module.Widening(3), 0.0, 0
    for tenth in range(80):
        lanes = 1 if tenth < 15 else 2 if tenth < 35 else 3
        now, received = now + 0.1, received + [0, 100_000, 200_000, 255_000][lanes]
        widening.look(now, received, lanes, PLENTY)
        assert not (widening.trying and tenth > 50)
    assert widening.wanted == 3
    # a late one counts by its later half
    widening, now, received = module.Widening(2), 0.0, 0
    for tenth in range(60):
        now, received = now + 0.1, received + (100_000 if tenth < 36 else int(100_000 * (1.08 + module.GAIN)))
        widening.look(now, received, 1 if tenth < 20 else 2, PLENTY)
    assert widening.proven
    # nothing from nothing is no gain
    widening = module.Widening(2)
    for tenth in range(1, 100):
        widening.look(tenth / 10, 0, 1 if tenth < 20 else 2, PLENTY)
    assert not widening.proven


def _alone(module):
    assert Line(module, 1, link=10**9, flow=10**6).run(20).changes == []
    # nothing is decided before a byte has come
    widening = module.Widening(4)
    assert all(widening.look(tenth / 10, 0, 0, PLENTY) == 1 for tenth in range(100))


def _steady(module):
    # four connections are measured against what two can come to, though those were still rising when they were kept
    line = Line(module, 4, link=2_000_000, flow=10**6, asking=0.1, rising=1.7).run(9)
    assert [wanted for _, wanted in line.changes][:3] == [2, 4, 2]
