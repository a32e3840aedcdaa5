"""What must hold of the pieces of a file, whoever takes, brings and drops them in whatever order."""

from collections import Counter

import hypothesis
from hypothesis import strategies as st

_SIZE = 60
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "bring", "bring", "bring", "cut", "extend", "end", "share"]),
        st.integers(0, 6),
        st.integers(0, _SIZE),
    ),
    min_size=20,
    max_size=60,
)


def check(module, *, examples=150, phases=tuple(hypothesis.Phase)):
    """Play with the chart beside a model of its bytes: each is to come from nobody, from one piece, or is here."""
    seen = Counter()
    _check_length(module)
    module.SHORTEST = 4  # for a file of sixty bytes

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(st.sets(st.integers(0, _SIZE - 1), max_size=3), _STEPS)
    def play(holes, steps):
        _Play(module, holes, seen).run(steps)

    play()
    return seen


class _Play:
    def __init__(self, module, holes, seen):
        self.module, self.seen = module, seen
        gaps, at = [], 0
        for hole in [*sorted(holes), _SIZE]:
            if at < hole:
                gaps.append((at, hole))
            at = hole + 1
        self.chart = module.Chart(reversed(gaps))
        self.free = {number for gap in gaps for number in range(*gap)}
        self.pieces = []

    def run(self, steps):
        self.compare()
        for kind, index, count in steps:
            if kind == "take":
                self.take(count % 20 + 1)
            elif kind == "share":
                self.share(index / 4, count + 1)
            elif self.pieces:
                getattr(self, kind)(self.pieces[index % len(self.pieces)], count)
            self.compare()

    def compare(self):
        under_way = [number for piece in self.pieces for number in range(piece.done, piece.stop)]
        assert len(under_way) == len(set(under_way))  # no byte is in two pieces
        assert not self.free & set(under_way)
        assert self.chart.free == len(self.free)
        assert self.chart.left == len(self.free) + len(under_way)
        assert all(piece.left == piece.stop - piece.done for piece in self.pieces)

    def take(self, count):
        before = set(self.free)
        piece = self.chart.take(count)
        assert (piece is None) == (not before)
        if piece is None:
            return
        assert piece.start == piece.done == min(before)  # in order
        self.pieces.append(piece)
        self.free -= set(range(piece.start, piece.stop))
        assert before - self.free == set(range(piece.start, piece.stop))
        run = next(number for number in range(piece.start, _SIZE + 1) if number not in before) - piece.start
        short = run - count < self.module.SHORTEST
        assert piece.left == (run if short else count)
        self.seen["a short rest came along"] += run > count and short

    def bring(self, piece, count):
        piece.done = min(piece.stop, piece.done + count % 9)

    def cut(self, piece, count):
        done, stop, at = piece.done, piece.stop, piece.start + count % 16
        worked = self.chart.cut(piece, at)
        assert worked == (done < at < stop)
        assert piece.stop == (at if worked else stop)
        self.free |= set(range(at, stop)) if worked else set()
        self.seen["cut"] += worked

    def extend(self, piece, _):
        stop = piece.stop
        worked = self.chart.extend(piece)
        assert worked == (stop in self.free)
        gained = set(range(stop, piece.stop))
        assert gained <= self.free
        self.free -= gained
        assert not worked or piece.stop not in self.free  # all that follows
        self.seen["extended"] += worked

    def end(self, piece, _):
        self.chart.end(piece)
        self.pieces.remove(piece)
        self.free |= set(range(piece.done, piece.stop))
        self.seen["given back"] += piece.done < piece.stop

    def share(self, ahead, most):
        def rate(piece):
            return 1 + piece.start % 5

        shortest, worth = self.module.SHORTEST, self.module.WORTH
        before = {piece: piece.stop for piece in self.pieces}
        longest = max((piece.left / rate(piece) for piece in self.pieces), default=0)
        worked = self.chart.share(rate, ahead, most)
        assert worked == any(piece.stop < stop for piece, stop in before.items())
        if not worked:
            return
        victim = next(piece for piece, stop in before.items() if piece.stop < stop)
        left = before[victim] - victim.done
        assert left / rate(victim) == longest  # the one that would take longest
        assert left >= 2 * shortest
        assert longest >= worth + 2 * ahead
        gone = before[victim] - victim.stop
        assert gone <= most
        # it keeps a half, and what it brings until the other begins
        kept = int(left + rate(victim) * ahead) // 2
        assert victim.left >= max(shortest, kept)
        assert gone == most or victim.left == kept
        self.free |= set(range(victim.stop, before[victim]))
        self.seen["shared"] += 1


def _check_length(module):
    module.SHORTEST, mib = 512 * 1024, 1024 * 1024
    plenty = 2**50
    assert module.length(10e6, 0.0, plenty, 4) == int(10e6 * module.SECONDS)
    assert module.length(1e6, 1.0, plenty, 4) == int(1e6 * module.REQUESTS)
    assert module.length(1e9, 0.1, plenty, 4) == max(module.LONGEST, int(1e9 * module.LEAST_REQUESTS * 0.1))
    assert module.length(1e9, 0.0, plenty, 4) == module.LONGEST
    assert module.length(1e3, 0.0, plenty, 4) == module.SHORTEST
    assert module.length(10e6, 0.0, 16 * mib, 4) == 2 * mib  # shorter towards the end
    assert module.length(10e6, 0.1, 16 * mib, 4) == int(10e6 * module.LEAST_REQUESTS * 0.1)  # but worth a request
    assert module.length(10e6, 0.0, 0, 4) == module.SHORTEST
    # worth its while: a second and twice the time a request takes, of at least two short pieces
    for left, rate, ahead, worked in [
        (2 * mib, 2 * mib, 0.0, True), (2 * mib, 2 * mib + 1, 0.0, False), (mib - 1, 1, 0.0, False),
        (mib, 1, 0.0, True), (3 * mib, mib, 1.0, True), (3 * mib, mib, 1.01, False),
    ]:  # fmt: skip
        chart = module.Chart([(0, left)])
        chart.take(left)
        assert chart.share(lambda piece, rate=rate: rate, ahead, left) is worked
    assert not module.Chart([(0, 10)]).share(lambda piece: 1, 0.0, 10)  # nobody has a piece
