"""The state file: what conda wrote in any year, what was broken since, and what follows from it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from asyncfetch import Validator
from asyncfetch.repodata._state import Facts, State

SECOND = 10**9
NOW = 1_700_000_000 * SECOND
TODAY = datetime(2024, 1, 10, tzinfo=UTC)


def test_names_of_older_versions_are_read():
    state = State.parse(b'{"_mod": "m", "_etag": "e", "_cache_control": "c", "_url": "u", "x": [1]}')
    assert state.data == {"mod": "m", "etag": "e", "cache_control": "c", "url": "u", "x": [1]}


@pytest.mark.parametrize("value", [None, 7, [], {}, True])
def test_what_must_be_text_and_is_not_is_nothing(value):
    state = State({"etag": value, "mod": value, "cache_control": value, "url": value})
    assert state.validator("s") is None
    assert not state.is_fresh(NOW, None)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'"x"', b'{"a": 1}{"a": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_broken_file_is_no_state(text):
    assert State.parse(text) is None


def test_it_is_written_as_conda_does():
    assert State({"etag": "e"}).render() == b'{\n  "etag": "e"\n}'


@pytest.mark.parametrize(
    ("size", "mtime", "facts", "describes"),
    [
        (5, 7, Facts(5, 7), True),
        (5, 7, Facts(5, 8), False),
        (5, 7, Facts(6, 7), False),
        (5, 7, None, False),
        (None, None, Facts(0, 0), False),
        ("5", "7", Facts(5, 7), False),
        (True, True, Facts(1, 1), False),
    ],
)
def test_it_is_about_one_file_only(size, mtime, facts, describes):
    assert State({"size": size, "mtime_ns": mtime}).describes(facts) is describes


@pytest.mark.parametrize(
    ("said", "ttl", "age", "fresh"),
    [
        ("max-age=30", None, 29, True),
        ("max-age=30", None, 31, False),
        ("public, max-age=30", 1, 29, True),
        ("public,max-age=30,immutable", 1, 31, False),
        ("Public, Max-Age = 30", None, 29, True),
        ('max-age="30"', None, 29, True),
        ("s-maxage=30", None, 1, False),
        ("", None, 0.1, False),
        ("max-age=x", None, 1, False),
        ("no-cache, max-age=30", None, 1, False),
        ("max-age=30, no-store", None, 1, False),
        ("max-age=30", 0, 0, False),
        ("max-age=30", 100, 99, True),
        ("no-store", 100, 99, True),
        ("max-age=3000", 100, 101, False),
        ("max-age=30", None, -10, True),  # clocks differ a little
        ("", None, -10, False),
        ("no-cache", None, -10, False),
        ("max-age=0", None, 0, False),
        ("max-age=30", 0, -10, False),
        ("max-age=30", None, -3600, False),  # and sometimes they are wrong
        ("max-age=" + "9" * 12, None, 10**6, True),
    ],
)
def test_how_long_it_is_fresh(said, ttl, age, fresh):
    state = State({"cache_control": said, "refresh_ns": NOW - int(age * SECOND)})
    assert state.is_fresh(NOW, ttl) is fresh


@pytest.mark.parametrize("refresh", [None, "x", 1.5, [], True])
def test_who_never_asked_is_not_fresh(refresh):
    assert not State({"cache_control": "max-age=30", "refresh_ns": refresh}).is_fresh(NOW, None)


@pytest.mark.parametrize(
    ("entry", "lacks"),
    [
        ({"last_checked": "2024-01-09T00:00:00.000000Z", "value": False}, True),
        ({"last_checked": "2024-01-09T00:00:00Z", "value": False}, True),
        ({"last_checked": "2024-01-09T00:00:00", "value": False}, True),
        ({"last_checked": "2024-01-03T00:00:01Z", "value": False}, True),
        ({"last_checked": "2024-01-02T23:59:59Z", "value": False}, False),
        ({"last_checked": "2025-01-09T00:00:00Z", "value": False}, False),
        ({"last_checked": "2024-01-09T00:00:00Z", "value": True}, False),
        ({"last_checked": "2020-01-09T00:00:00Z", "value": True}, False),
        ({"last_checked": "yesterday", "value": False}, False),
        ({"value": False}, False),
        ({}, False),
        (None, False),
        (False, False),
    ],
)
def test_a_format_that_was_not_there_is_looked_for_again_after_a_week(entry, lacks):
    assert State({"has_zst": entry}).lacks("zst", TODAY) is lacks
    assert not State().lacks("zst", TODAY)


def test_what_is_learned_is_written_as_conda_does():
    state = State()
    state.learn("jlap", present=False, now=datetime(2024, 1, 1, tzinfo=UTC))
    assert state.data == {"has_jlap": {"last_checked": "2024-01-01T00:00:00.000000Z", "value": False}}
    assert state.lacks("jlap", datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=6))


def test_our_own_validator_counts_as_long_as_nobody_else_wrote_another():
    ours = Validator("ftp://h/a", modified="20240101000000", size=5, strong=True)
    state = State()
    state.replaced(Facts(9, 8), NOW, url="ftp://h", blake2="b")
    state.validated(ours, None)
    read = State.parse(state.render())
    assert read.validator("ftp://h/a") == ours
    read.data["mod"] = "another"  # conda does not know of ours
    assert read.validator("ftp://h/a") == Validator("ftp://h/a", None, "another")


def test_a_new_file_forgets_what_proved_the_old_one():
    state = State({"etag": "old", "mod": "old", "cache_control": "max-age=9", "has_zst": 1, "more": 2})
    state.replaced(Facts(9, 8), NOW, url="u", blake2="b")
    assert json.loads(state.render()) == {
        "etag": "", "mod": "", "cache_control": "", "has_zst": 1, "more": 2, "url": "u", "size": 9, "mtime_ns": 8,
        "refresh_ns": NOW, "blake2_256": "b", "blake2_256_nominal": "b",
    }  # fmt: skip
