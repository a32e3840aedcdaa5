"""What must hold of the order of wishes: nothing lost, nothing twice, no host has too many, the largest known first."""

from collections import Counter

import hypothesis
from hypothesis import strategies as st

_HUGE = 1024 * 1024
_SIZES = st.sampled_from([None, None, 5, _HUGE - 1, _HUGE, 2 * _HUGE, 2 * _HUGE, 3 * _HUGE])
_WISHES = st.lists(st.tuples(st.sampled_from("abc"), _SIZES), max_size=40)


def check(module, *, examples=200, phases=tuple(hypothesis.Phase)):
    """Play batches beside a model that knows the rules only."""
    seen = Counter()

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(_WISHES, st.integers(1, 3), st.integers(1, 6), st.lists(st.integers(0, 20)), st.booleans())
    def play(wishes, places, aside, ends, listed):
        _Play(module, wishes, places, aside, seen).run(ends, listed=listed)

    play()
    _check_sizes(module)
    _check_places(module)
    return seen


def _check_sizes(module):
    big = module.LARGE
    assert module.LARGE == _HUGE
    sizes = [None, big - 1, big, 5, big + 1, big, 3 * big, None]
    assert module.largest_first(sizes) == [6, 4, 2, 5]
    assert module.largest_first([]) == []

    lineup = module.Lineup(lambda _: 5, 9)
    for wish, size in ((1, None), (2, big - 1), (3, big), (4, big + 1), (5, big)):
        lineup.set_aside("h", wish, size)
    assert [lineup.take() for _ in range(6)] == [4, 3, 5, 1, 2, None]


def _check_places(module):
    # fewer places than transfers under way: none may begin until enough have ended
    places = {"h": 2}
    lineup = module.Lineup(places.get, 5)
    for _ in range(2):
        lineup.begin("h")
    places["h"] = 1
    lineup.set_aside("h", "waits")
    lineup.end("h")
    assert not lineup.ready
    assert lineup.take() is None
    lineup.end("h")
    assert lineup.ready
    assert lineup.take() == "waits"
    assert not lineup.ready


class _Play:
    def __init__(self, module, wishes, places, aside, seen):
        self.wishes, self.places, self.most, self.seen = wishes, places, aside, seen
        self.module = module
        self.lineup = module.Lineup(lambda _: places, aside)
        self.running, self.begun = [], []
        self.waiting = {}  # number -> counted
        self.left = list(range(len(wishes)))

    def run(self, ends, *, listed):
        if listed:
            for number in self.module.largest_first([size for _, size in self.wishes]):
                self.left.remove(number)
                self.waiting[number] = False
                self.lineup.put_first(self.host(number), number, self.wishes[number][1])
        chosen = iter(ends)
        while self.left or self.waiting:
            number = self.next()
            if number is None:
                assert self.running, "nothing runs, and nothing may begin"
                ended = self.running.pop(next(chosen, 0) % len(self.running))
                self.lineup.end(self.host(ended))
                continue
            self.running.append(number)
            self.begun.append(number)
            assert self.busy(self.host(number)) <= self.places
        assert sorted(self.begun) == list(range(len(self.wishes)))

    def next(self):
        counted = sum(self.waiting.values())
        assert self.lineup.full == (counted >= self.most)
        assert self.lineup.roomy == (2 * counted <= self.most)
        self.seen["full"] += self.lineup.full
        admitted = [number for number in self.waiting if self.busy(self.host(number)) < self.places]
        assert self.lineup.ready == bool(admitted)
        number = self.lineup.take()
        if number is not None:
            assert number in admitted
            assert number == min((one for one in admitted if self.host(one) == self.host(number)), key=self.rank)
            self.seen["largest first"] += number != min(one for one in admitted if self.host(one) == self.host(number))
            self.seen["counted" if self.waiting.pop(number) else "from the list"] += 1
            return number
        assert not admitted
        while self.left and not self.lineup.full:
            number = self.left.pop(0)
            if self.lineup.admits(self.host(number)):
                assert self.busy(self.host(number)) < self.places
                self.lineup.begin(self.host(number))
                return number
            assert self.busy(self.host(number)) >= self.places
            self.waiting[number] = True
            self.lineup.set_aside(self.host(number), number, self.wishes[number][1])
        return None

    def rank(self, number):
        size = self.wishes[number][1]
        return (-size if size is not None and size >= _HUGE else 0, number)

    def host(self, number):
        return self.wishes[number][0]

    def busy(self, host):
        return sum(self.host(number) == host for number in self.running)
