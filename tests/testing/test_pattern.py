"""Pattern: the same bytes wherever they are asked for, and other bytes at every other offset."""

from __future__ import annotations

import hashlib

import pytest

from asyncfetch.testing import Pattern
from asyncfetch.testing.pattern import PERIOD, PIECE, pieces_of


def test_parts_are_parts_of_the_whole():
    pattern = Pattern(3 * PERIOD + 17, seed=1)
    whole = pattern.read()
    assert len(whole) == len(pattern) == pattern.size
    for start, stop in [(0, 1), (PERIOD - 1, PERIOD + 1), (5, 2 * PERIOD + 5), (len(whole) - 1, len(whole)), (7, 7)]:
        assert pattern.read(start, stop) == whole[start:stop]
    assert pattern.read(5, 10**12) == whole[5:]
    assert pattern.sha256 == hashlib.sha256(whole).hexdigest()
    assert [b"".join(pieces_of(one, 3, 400_000)) for one in (pattern, whole)] == [whole[3:400_000]] * 2
    assert max(len(piece) for piece in pattern.pieces(0, pattern.size)) == PIECE


def test_a_wrong_offset_never_looks_right():
    pattern = Pattern(1 << 40)
    for shift in (1, 4096, 65_536, 1 << 20, 1 << 30):
        assert pattern.read(shift, shift + 64) != pattern.read(0, 64)


def test_it_is_a_value():
    assert Pattern(5, seed=1) == Pattern(5, seed=1) != Pattern(5)
    assert len({Pattern(5), Pattern(5), Pattern(6)}) == 2
    assert repr(Pattern(5, seed=1)) == "Pattern(5, seed=1)"
    assert Pattern(0).read() == b""
    with pytest.raises(ValueError, match="-1"):
        Pattern(-1)
