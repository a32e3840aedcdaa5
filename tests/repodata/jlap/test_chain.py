"""The checksum chain of a journal: its vector, any pieces, any growth; and nothing that was altered passes."""

import json

import pytest
from hypothesis import assume, given, settings, strategies as st

from asyncfetch.repodata._jlap.chain import Doubt, Position, Reader, from_state, steps, to_state

from .journal import Journal

# made by conda itself
_VECTOR = [
    "0" * 64,
    '{"from":"aa","to":"bb","patch":[]}',
    '{"url":"repodata.json","latest":"bb"}',
    "d213a650d76e266721f52d629dd0c5505a2408accabbec7bba788ff612a490fe",
]


_START = Position()


def _read(data, position=_START, pieces=()):
    reader = Reader(position)
    at = 0
    for piece in (*pieces, len(data)):
        reader.feed(data[at : at + piece])
        at += piece
    return reader.end()


def test_the_vector_of_conda():
    data = "\n".join(_VECTOR).encode()
    journal = _read(data)
    assert journal.latest == "bb"
    assert journal.footer == {"url": "repodata.json", "latest": "bb"}
    assert journal.position.offset == 100 == data.index(b'{"url"')
    assert journal.position.checksum.hex().startswith("19cde2d7")
    assert journal.position.checksum.hex().endswith("e41a")
    assert steps(journal, "aa") == steps(journal, "bb") == []
    rest = _read(data[100:], journal.position)
    assert (rest.patches, rest.latest, rest.position) == ((), "bb", journal.position)


def test_the_vector_of_our_own_writer():
    journal = Journal().add_line({"from": "aa", "to": "bb", "patch": []})
    assert journal.text == "\n".join(_VECTOR).encode()


def test_a_first_line_other_than_zeros():
    journal = Journal()
    journal.lines[0] = "ab" * 32
    assert _read(journal.add_line({"from": "a", "to": "b", "patch": []}).text).latest == "b"


_LINES = st.lists(st.tuples(st.integers(0, 5), st.text('ab\u00e9{}\\"', max_size=30)), min_size=1, max_size=6)


def _grown(lines):
    journal = Journal()
    for number, (step, text) in enumerate(lines):
        journal.add_line(
            {"from": f"h{number}", "to": f"h{number + 1}", "patch": [{"op": "add", "path": f"/{step}", "value": text}]}
        )
    return journal


@given(_LINES, st.lists(st.integers(0, 40), max_size=12), st.data())
def test_any_pieces_and_any_growth_say_the_same(lines, pieces, data):
    at = data.draw(st.integers(1, len(lines)))
    early, late = _grown(lines[:at]).text, _grown(lines).text
    whole, before = _read(late, pieces=pieces), _read(early)
    after = _read(late[before.position.offset :], before.position, pieces)
    assert before.patches + after.patches == whole.patches
    assert after.position == whole.position
    assert len(steps(whole, "h0")) == len(lines)
    assert [one["value"] for one in steps(whole, "h0")] == [text for _, text in lines]
    assert len(steps(after, f"h{at}")) == len(lines) - at


def test_nothing_that_was_altered_passes():
    caught = {"changed": 0, "cut": 0, "longer": 0}

    @settings(max_examples=150)
    @given(_LINES, st.sampled_from(sorted(caught)), st.data())
    def check(lines, how, data):
        text = _grown(lines).text
        at = data.draw(st.integers(0, len(text) - 1))
        byte = bytes([data.draw(st.integers(0, 255))])
        if how == "changed":
            altered = text[:at] + byte + text[at + 1 :]
        elif how == "cut":
            altered = text[:at]
        else:
            altered = text[:at] + byte + text[at:]
        assume(altered != text)
        with pytest.raises(Doubt):
            _read(altered)
        caught[how] += 1

    check()
    assert min(caught.values()) >= 20, caught


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [{"from": "a", "to": "c", "patch": []}],
        [{"from": "x", "to": "b", "patch": []}],
        [{"from": "a", "to": "b", "patch": {}}],
        [{"from": "a", "to": "b"}],
        [{"from": 7, "to": "b", "patch": []}],
    ],
)
def test_patches_that_do_not_lead_from_ours_to_the_latest(lines):
    journal = Journal()
    for line in lines:
        journal.add_line(line)
    journal.latest = "b"
    with pytest.raises(Doubt):
        steps(_read(journal.text), "a")


@pytest.mark.parametrize("line", ["", "[]", "nonsense", "[" * 5000, '{"to":"b"}', "\u00ff"])
def test_a_line_that_is_no_patch(line):
    journal = Journal()
    journal.lines.append(line)
    journal.latest = "b"
    with pytest.raises(Doubt):
        steps(_read(journal.text), "a")


@pytest.mark.parametrize("latest", [None, 7, []])
def test_a_footer_without_a_hash(latest):
    journal = Journal()
    journal.latest = latest
    with pytest.raises(Doubt, match="latest"):
        _read(journal.text)


def test_a_state_comes_back():
    journal = _read(_grown([(0, "a")]).text)
    state = json.loads(json.dumps(to_state(journal, {"etag": '"e"'})))
    assert state == {
        "headers": {"etag": '"e"'},
        "iv": journal.position.checksum.hex(),
        "pos": journal.position.offset,
        "footer": {"url": "repodata.json", "latest": "h1"},
    }
    assert from_state(state, "h1") == (journal.position, {"etag": '"e"'})
    assert from_state({**state, "headers": None}, "h1") == (journal.position, {})


_GOOD = {"headers": {"etag": 7, "x": "y"}, "iv": "0" * 64, "pos": 100, "footer": {"latest": "a"}}


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        "x",
        *({**_GOOD, "iv": iv} for iv in ("0", 7, "g" * 64)),
        *({**_GOOD, "pos": pos} for pos in (-1, 0, True, "100")),
        *({**_GOOD, "footer": footer} for footer in (None, [], {"latest": "b"})),
    ],
)
def test_an_odd_state_means_from_the_start(odd):
    assert from_state(_GOOD, "a") == (Position(100, bytes(32)), {})
    assert from_state(odd, "a") == (Position(), {})
