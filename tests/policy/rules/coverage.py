"""What must hold of the bytes that are here, in whatever order they come."""

from collections import Counter

import hypothesis
from hypothesis import strategies as st

_SIZE = 30
_SPANS = st.lists(st.tuples(st.integers(0, _SIZE), st.integers(-2, 8)), max_size=12)


def check(module, *, examples=300, phases=tuple(hypothesis.Phase)):
    """Add stretches beside a set of numbers."""
    seen = Counter()

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(st.integers(0, 10), _SPANS, _SPANS, st.integers(0, _SIZE + 5))
    def play(front, at_first, spans, size):
        islands = [(start, start + count) for start, count in at_first]
        here = module.Coverage(front, islands)
        model = set(range(front)).union(*(range(*island) for island in islands))
        _compare(here, model, size, seen)
        for start, count in spans:
            here.add(start, start + count)
            model |= set(range(start, start + count))
            _compare(here, model, size, seen)

    play()
    return seen


def _compare(here, model, size, seen):
    front = next(number for number in range(_SIZE * 2) if number not in model)
    runs = _runs(sorted(number for number in model if number > front))
    assert here.front == front
    assert list(here.islands) == runs
    assert here.total == len(model)
    missing = sorted(set(range(size)) - model)
    assert here.gaps(size) == _runs(missing)
    seen["islands"] += len(runs) > 1
    seen["gaps"] += len(here.gaps(size)) > 1
    seen["beyond the size"] += bool(model) and max(model) >= size


def _runs(numbers):
    runs = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs
