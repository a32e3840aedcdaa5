"""Resuming: the rules over every small case (`rules.resume`), and what the contract says by example."""

import pytest

from asyncfetch import Answer, Body, Validator
from asyncfetch._model.exchange import NOTHING, Held
from asyncfetch._policy import resume
from tests.policy.rules.resume import check

_URL = "https://h/a"
_STRONG = Validator(_URL, etag='"1"', size=10, strong=True)
_WEAK = Validator(_URL, etag='W/"1"', size=10)
_DATED = Validator(_URL, modified="yesterday", size=10, strong=True)


def test_the_rules_hold_for_every_small_case():
    seen = check(resume)
    for case, least in {
        "spliced": 500, "continued": 300, "left to the digest": 2000, "refused": 5000, "from the start": 100,
        "the rest": 100, "the last byte": 30, "continued elsewhere": 100,
        "a piece that fits": 300, "a piece that does not": 3000,
    }.items():  # fmt: skip
        assert seen[case] >= least, (case, seen)


@pytest.mark.parametrize(
    ("held", "provable", "asked"),
    [
        (NOTHING, False, (0, None)),
        (NOTHING, True, (0, None)),
        (Held(4, _STRONG), False, (4, _STRONG)),
        (Held(4, _STRONG), True, (4, _STRONG)),
        (Held(4, _DATED), False, (4, _DATED)),
        (Held(4, _WEAK), False, (0, None)),
        (Held(4, _WEAK), True, (4, None)),
        (Held(4, None), False, (0, None)),
        (Held(4, None), True, (4, None)),
        (Held(10, _STRONG), False, (9, _STRONG)),
        (Held(11, _STRONG), True, (0, None)),
        (Held(4, Validator("https://mirror/a", etag='"1"', strong=True)), False, (0, None)),
        (Held(4, Validator("https://mirror/a", etag='"1"', strong=True)), True, (4, None)),
        # nothing to match without an offset: If-Match over the whole could only fail
        (Held(1, Validator(_URL, etag='"1"', size=1, strong=True)), False, (0, None)),
    ],
)
def test_ask(held, provable, asked):
    assert resume.ask(held, _URL, provable=provable) == asked


class _Part(Body):
    def __init__(self, offset, size, validator, answer=Answer.PARTIAL):
        self.offset, self.size, self.validator, self.answer = offset, size, validator, answer

    async def fill(self, into):
        return 0


@pytest.mark.parametrize(
    ("held", "matching", "body", "provable", "kept"),
    [
        (Held(4, _STRONG), _STRONG, _Part(4, 10, _STRONG), False, 4),
        (Held(4, _STRONG), _STRONG, _Part(0, 10, _STRONG, Answer.FULL), False, 0),
        (Held(4, _STRONG), _STRONG, _Part(4, 10, Validator(_URL, etag='"2"', strong=True)), True, None),
        (Held(4, _STRONG), _STRONG, _Part(4, 11, Validator(_URL, etag='"1"', size=11, strong=True)), True, None),
        (Held(4, _STRONG), _STRONG, _Part(4, 10, Validator(_URL, size=10)), False, None),
        (Held(4, _STRONG), _STRONG, _Part(4, 10, None), False, None),
        (Held(4, _STRONG), _STRONG, _Part(3, 10, _STRONG), False, None),
        (Held(4, None), None, _Part(4, 3, None), True, None),
        (Held(4, _STRONG), _STRONG, _Part(5, 10, _STRONG), False, None),
        # Last-Modified may be left out under If-Range
        (Held(4, _DATED), _DATED, _Part(4, 10, Validator(_URL, size=10)), False, 4),
        (Held(4, _DATED), _DATED, _Part(4, 10, Validator(_URL, modified="today", size=10)), False, None),
        # no proof but a digest
        (Held(4, _WEAK), None, _Part(4, 10, _WEAK), True, 4),
        (Held(4, _WEAK), None, _Part(4, 10, _WEAK), False, None),
        (Held(4, _WEAK), None, _Part(4, 11, None), True, None),
        (Held(4, _WEAK), None, _Part(4, 10, Validator(_URL, etag='W/"2"', size=10)), True, None),
        (Held(4, _WEAK), None, _Part(4, None, None), True, 4),
        (Held(4, None), None, _Part(4, 10, None), True, 4),
        (Held(4, Validator("https://mirror/a", etag='"2"', size=10)), None, _Part(4, 10, _STRONG), True, 4),
    ],
)
def test_keep(held, matching, body, provable, kept):
    assert resume.keep(held, 4, matching, body, provable=provable) == kept


def test_a_part_where_the_whole_was_asked_for_is_of_no_use():
    assert resume.keep(Held(4, _STRONG), 0, None, _Part(0, 10, _STRONG), provable=True) is None
