"""Validator: when two can belong to one body, and that a note on disk is read with suspicion."""

import json

import pytest
from hypothesis import given, strategies as st

from asyncfetch import Answer, Body, Url, Validator
from asyncfetch._model.exchange import CHUNK, Reply, Stream

pytestmark = pytest.mark.anyio

_text = st.none() | st.text(max_size=8)
_validators = st.builds(
    Validator,
    st.text(max_size=8),
    etag=_text,
    modified=_text,
    version=_text,
    size=st.none() | st.integers(0, 2**63),
    strong=st.booleans(),
)


@given(_validators)
def test_a_note_gives_back_what_it_was_given(validator):
    assert Validator.from_json(json.loads(json.dumps(validator.to_json()))) == validator


_SOUND = {"source": "s", "etag": "e", "modified": None, "version": None, "size": 5, "strong": True}
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
_anything = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner), max_leaves=5
)


def test_garbage_is_no_validator():
    outcomes = []

    @given(_anything | st.fixed_dictionaries({}, optional=dict.fromkeys(_SOUND, _anything)))
    def check_any(data):
        found = Validator.from_json(data)
        assert found is None or Validator.from_json(found.to_json()) == found

    @given(st.sampled_from(sorted(_SOUND)), _anything, st.booleans())
    def check_one_wrong(name, value, drop):
        data = {**_SOUND, name: value}
        if drop:
            del data[name]
        found = Validator.from_json(data)
        outcomes.append((name, found is None))
        if found is not None:
            assert found == Validator(**{**_SOUND, "size": None, "etag": None, **data})
            assert isinstance(found.source, str)
            assert isinstance(found.strong, bool)
            assert found.size is None or found.size >= 0

    check_any()
    check_one_wrong()
    for name in _SOUND:
        assert (name, True) in outcomes or name in {"etag", "modified", "version"}
    assert sum(not refused for _, refused in outcomes) >= 5


@pytest.mark.parametrize(
    "wrong",
    [{"size": -1}, {"size": True}, {"size": 1.0}, {"size": "5"}, {"strong": None}, {"strong": 1}, {"source": None}]
    + [{name: value} for name in ("etag", "modified", "version") for value in (5, True, [], {}, b"x")],
)
def test_one_wrong_field_spoils_it(wrong):
    assert Validator.from_json(_SOUND) is not None
    assert Validator.from_json({**_SOUND, **wrong}) is None


@pytest.mark.parametrize("data", [None, 5, "x", [], [("source", "s")], {}, {"source": "s"}])
def test_other_json_is_no_validator(data):
    assert Validator.from_json(data) is None


_FIELDS = {"etag": ("a", "b"), "modified": ("a", "b"), "version": ("a", "b"), "size": (1, 2)}


@pytest.mark.parametrize("name", _FIELDS)
def test_agreement(name):
    one, other = _FIELDS[name]
    this, that = Validator("s", **{name: one}), Validator("s", **{name: other})
    assert this.agrees(this)
    assert not this.agrees(that)
    assert not that.agrees(this)
    assert this.agrees(Validator("elsewhere"))
    assert Validator("elsewhere").agrees(this)


@given(_validators, _validators)
def test_agreement_goes_both_ways(one, other):
    assert one.agrees(other) == other.agrees(one)
    assert one.agrees(one)


def test_size_zero_is_stated():
    assert not Validator("s", size=0).agrees(Validator("s", size=1))


class _Scripted(Stream):
    """A stream that gives the parts it was made of, one a fill."""

    def __init__(self, parts):
        self.parts = list(parts)

    async def fill(self, into):
        if not self.parts:
            return 0
        part = self.parts.pop(0)
        into[: len(part)] = part
        return len(part)


async def test_chunks_are_what_was_filled():
    parts = [b"a", b"bc" * 1000, b"d" * CHUNK]
    assert [chunk async for chunk in _Scripted(parts).chunks] == parts
    assert [chunk async for chunk in _Scripted([]).chunks] == []


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({}, "full, unknown size"),
        ({"size": 9}, "full, 9 bytes"),
        ({"size": 9, "offset": 4, "answer": Answer.PARTIAL}, "partial from byte 4, 9 bytes"),
    ],
)
def test_a_body_shows_what_it_is(more, shown):
    class Some(Body):
        async def fill(self, into):
            return 0

    body = Some()
    for name, value in {"url": Url("https://me:word@h/x"), **more}.items():
        setattr(body, name, value)
    assert repr(body) == f"<Some https://***@h/x: {shown}>"
    assert repr(Some()).startswith("<Some : ")


class _Replied(Reply):
    def __init__(self, headers):
        self.headers = headers

    async def fill(self, into):
        return 0


def test_a_header_of_several_lines():
    reply = _Replied([("a", "1"), ("b", "2"), ("a", "3")])
    assert (reply.header("a"), reply.header("b"), reply.header("c")) == ("1, 3", "2", None)
