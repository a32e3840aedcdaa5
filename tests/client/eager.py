"""Several connections at once, for the tests of the spine: the decision is taken from the rates and given to the test.

Pieces are small, so that small bodies have many; whether more connections pay is what `tests/policy` is about.
"""

import pytest

from asyncfetch._policy.widening import Widening
from asyncfetch.testing import Pattern

BODY = Pattern(3_000_017, seed=8).read()


class Eager(Widening):
    """As many connections as there may be, as soon as one brings something."""

    def look(self, now, received, lanes, left, *, fresh=False):
        if lanes and not self._rested:
            self.proven, self.wanted = self.proven or lanes > 1, self._most
        return self.wanted


class Trying(Widening):
    """Always one connection on trial."""

    def look(self, now, received, lanes, left, *, fresh=False):
        if lanes and not self._rested:
            self._before, self.wanted = (1, 1.0), min(2, self._most)
        return self.wanted


def use(monkeypatch, widening):
    monkeypatch.setattr("asyncfetch._pieces.Widening", widening)
    monkeypatch.setattr("asyncfetch._policy.split.LEAST", 1_000_000)
    monkeypatch.setattr("asyncfetch._policy.split.SHORTEST", 50_000)
    monkeypatch.setattr("asyncfetch._policy.split.LONGEST", 200_000)
    monkeypatch.setattr("asyncfetch._policy.split.WORTH", 0.0)
    monkeypatch.setattr("asyncfetch._pulse.PERIOD", 0.002)


@pytest.fixture
def eager(monkeypatch):
    use(monkeypatch, Eager)


@pytest.fixture
def trying(monkeypatch):
    use(monkeypatch, Trying)


def spans_of(page):
    """The ranges that were asked for, without the first request."""
    return [(request.offset, request.end) for request in page.requests[1:]]
