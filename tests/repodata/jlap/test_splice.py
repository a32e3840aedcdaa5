"""The patched file is, byte for byte, what its author would have written; anything else is a doubt."""

import json
import os

import jsonpatch
import pytest
from hypothesis import given, settings, strategies as st

from asyncfetch.repodata._jlap import scan
from asyncfetch.repodata._jlap.chain import Doubt
from asyncfetch.repodata._jlap.splice import splice, touched_by

from .journal import STYLES, blake, patch, record, repodata, written


def _spliced(folder, old, operations, latest):
    held, into = folder / "held", folder / "into"
    held.write_bytes(old)
    size = splice(str(held), str(into), operations, latest, lambda: None)
    data = into.read_bytes()
    assert size == len(data)
    return data


def _check(folder, old, new, operations=None, style="one line", **more):
    operations = patch(old, new) if operations is None else operations
    before, after = written(old, style, **more), written(new, style, **more)
    assert _spliced(folder, before, operations, blake(after).hex()) == after


def _change(document, change):
    new = json.loads(json.dumps(document))
    change(new)
    return new


def _rename(document):
    records = document["packages.conda"]
    records["zz-1.0-0.conda"] = records.pop("a-1.0-0.conda")


def _replace_the_first(records):
    del records["a-1.0-0.tar.bz2"]
    records["0-1-0.tar.bz2"] = record("0")


_CHANGES = {
    "nothing": lambda _: None,
    "a new record in the middle": lambda d: d["packages.conda"].update({"b-0.9-0.conda": record("b", 9)}),
    "a new record in front": lambda d: d["packages.conda"].update({"0-1-0.conda": record("0")}),
    "two in front": lambda d: d["packages.conda"].update({"0-1-0.conda": record("0"), "00-1-0.conda": record("00")}),
    "a new record at the end": lambda d: d["packages"].update({"zz-1-0.tar.bz2": record("zz")}),
    "the first removed": lambda d: d["packages"].pop("a-1.0-0.tar.bz2"),
    "the first two removed": lambda d: [d["packages"].pop(f"{n}-1.0-0.tar.bz2") for n in "ab"],
    "the last removed": lambda d: d["packages"].pop("c-1.0-0.tar.bz2"),
    "the first removed, another in front": lambda d: _replace_the_first(d["packages"]),
    "all removed": lambda d: d["packages"].clear(),
    "all replaced": lambda d: d.update({"packages": {"n-1-0.tar.bz2": record("n")}}),
    "an empty one filled": lambda d: d["empty"].update({"n-1-0.tar.bz2": record("n"), "m-1-0.tar.bz2": record("m")}),
    "deep in a record": lambda d: d["packages"]["b-1.0-0.tar.bz2"]["depends"].insert(0, "openssl >=3"),
    "a key of a record gone": lambda d: d["packages"]["b-1.0-0.tar.bz2"].pop("license"),
    "a list at the top": lambda d: d["removed"].append("x-1.0-0.conda"),
    "a number at the top": lambda d: d.update({"repodata_version": 2}),
    "a new member at the top": lambda d: d.update({"signatures": {"a": {"b": [1, 2.5, None, True, {}, []]}}}),
    "a member gone from the top": lambda d: d.pop("removed"),
    "the info": lambda d: d["info"].update({"base_url": "https://h.example/x/"}),
    "a record moved": _rename,
    "awkward text": lambda d: d["packages"].update({'q"u\\o\n}{,-1': record("q", license="{c} [d], \\ \u00e9\u2603")}),
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("change", _CHANGES)
def test_each_kind_of_change(tmp_path, change, style):
    old = {**repodata("a", "b", "c"), "empty": {}}
    _check(tmp_path, old, _change(old, _CHANGES[change]), style=style)


@pytest.mark.parametrize("end", ["", "\n"])
def test_what_follows_the_end_stays(tmp_path, end):
    old = repodata("a")
    _check(tmp_path, old, _change(old, _CHANGES["a new record in front"]), style="indented", end=end)


def test_text_beyond_ascii(tmp_path):
    old = repodata("a", "b")
    old["packages"]["a-1.0-0.tar.bz2"]["license"] = "Licença ☃"
    _check(tmp_path, old, _change(old, lambda d: d["packages"].pop("b-1.0-0.tar.bz2")), ensure_ascii=False)


def test_a_document_in_no_order_keeps_its_own(tmp_path):
    old = {"packages": {"b": record("b"), "a": record("a")}, "info": {}}
    new = {"packages": {"b": record("b"), "a": record("a", 3), "0": record("0")}, "info": {}}
    _check(tmp_path, old, new, sort_keys=False)


def test_operations_that_look_elsewhere(tmp_path):
    old = repodata("a", "b")
    operations = [
        {"op": "test", "path": "/packages/a-1.0-0.tar.bz2/name", "value": "a"},
        {"op": "copy", "from": "/packages/a-1.0-0.tar.bz2", "path": "/packages.conda/copied"},
        {"op": "move", "from": "/packages/b-1.0-0.tar.bz2/depends/0", "path": "/packages.conda/copied/depends/-"},
        {"op": "move", "from": "/removed", "path": "/gone"},
        {"op": "add", "path": "/packages/with~1slash~0tilde", "value": {}},
    ]
    _check(tmp_path, old, jsonpatch.apply_patch(old, operations), operations)


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "remove", "path": "/packages/absent"}],
        [{"op": "add", "path": "/absent/a", "value": 1}],
        [{"op": "test", "path": "/packages/a-1.0-0.tar.bz2/name", "value": "b"}],
        [{"op": "replace", "path": "", "value": {}}],
        [{"op": "explode", "path": "/packages/a"}],
        [{"op": "add", "path": 7, "value": {}}],
        [{"op": "add", "path": "/packages/a"}],
        [{"path": "/packages/a"}],
        ["add"],
        [None],
        [{"op": "add", "path": "/packages/a-1.0-0.tar.bz2/depends/99", "value": ""}],
        [{"op": "add", "path": "/packages/a-1.0-0.tar.bz2/depends/one", "value": ""}],
        [{"op": "add", "path": "/packages/a-1.0-0.tar.bz2/depends/~7", "value": ""}],
        [{"op": "move", "path": "/packages/a-1.0-0.tar.bz2/x", "from": "/packages/a-1.0-0.tar.bz2"}],
        [{"op": "copy", "path": f"/packages/b/{n}", "from": "/packages"} for n in range(40)],
        [
            {"op": "copy", "path": f"/packages/a-1.0-0.tar.bz2/{n}", "from": "/packages/a-1.0-0.tar.bz2"}
            for n in range(40)
        ],
        [{"op": "add", "path": "/packages/b", "value": json.loads("[" * 900 + "]" * 900)}],
        [{"op": "add", "path": "/packages/b", "value": "\ud800"}],
    ],
)
def test_a_patch_that_does_not_apply_is_a_doubt(tmp_path, operations):
    with pytest.raises(Doubt):
        _spliced(tmp_path, written(repodata("a")), operations, "00" * 32)
    assert os.listdir(tmp_path) == ["held"]


@pytest.mark.parametrize(
    "held",
    [
        b"", b"{", b"{}", b"[]", b"null", b"\xff", b'{"packages":{"a":{}', b'{"packages":{"a":{}}} x',
        b'{"packages" {"a":{}}}',
        b'{"packages":{"a":"unended}}', b'{"packages":{"a":' + b"{" * 99, b'{"packages":{"a":{,},"b":1}}',
        b'{"packages":{"a":{}},}',
        b'{"packages":{"\\x":{}}}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_repodata_is_a_doubt(tmp_path, held):
    with pytest.raises(Doubt):
        _spliced(tmp_path, held, [{"op": "replace", "path": "/packages/a", "value": 1}], "00" * 32)
    assert os.listdir(tmp_path) == ["held"]


def test_another_hash_is_a_doubt(tmp_path):
    with pytest.raises(Doubt, match="does not have the hash"):
        _spliced(tmp_path, written(repodata("a")), [{"op": "remove", "path": "/removed"}], "00" * 32)
    assert os.listdir(tmp_path) == ["held"]


def test_it_can_be_stopped_and_leaves_nothing(tmp_path):
    old = written(repodata("a"))
    (tmp_path / "held").write_bytes(old)
    ticks = iter(range(1000))

    def tick():
        if next(ticks) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        splice(str(tmp_path / "held"), str(tmp_path / "into"), [{"op": "remove", "path": "/removed"}], "", tick)
    assert next(ticks) == 4
    assert os.listdir(tmp_path) == ["held"]


def test_what_is_touched():
    operations = [
        {"op": "add", "path": "/a/b/c"},
        {"op": "move", "path": "/a/d", "from": "/e"},
        {"op": "add", "path": "/e/f"},
    ]
    assert touched_by(operations) == {"a": {"b", "d"}, "e": None}


# --- any document, any change

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=6)
_SCALAR = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT
)
_VALUE = st.recursive(
    _SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=5
)
_RECORDS = st.dictionaries(st.sampled_from("abcdefgh") | _TEXT, _VALUE, max_size=6)
_DOCUMENT = st.fixed_dictionaries(
    {"info": _VALUE, "packages": _RECORDS}, optional={"removed": st.lists(_TEXT, max_size=3), "zz": _VALUE}
)


def test_any_document_becomes_any_other_or_it_is_a_doubt(tmp_path):
    seen = {"same": 0, "doubt": 0}

    @settings(max_examples=150)
    @given(_DOCUMENT, _DOCUMENT, st.sampled_from(sorted(STYLES)))
    def check(old, new, style):
        operations = patch(old, new)
        if any(one["path"] == "" for one in operations):
            return
        before, after = written(old, style), written(jsonpatch.apply_patch(old, operations), style)
        try:
            assert _spliced(tmp_path, before, operations, blake(after).hex()) == after
            seen["same"] += 1
        except Doubt:
            seen["doubt"] += 1

    check()
    assert seen["same"] >= 100, seen
    assert seen["doubt"] == 0, seen


def test_what_is_large_is_read_in_pieces_and_too_large_is_a_doubt(tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "_PIECE", 100)
    monkeypatch.setattr(scan, "_MOST", 20_000)
    old = repodata("a", "b")
    old["packages"]["a-1.0-0.tar.bz2"]["license"] = "x" * 15_000
    _check(tmp_path, old, _change(old, _CHANGES["a new record in front"]))
    _check(tmp_path, old, _change(old, lambda d: d["packages"]["a-1.0-0.tar.bz2"].pop("license")))
    old["packages"]["b-1.0-0.tar.bz2"]["license"] = "y" * 15_000
    with pytest.raises(Doubt, match="touch more"):
        _check(tmp_path, old, _change(old, lambda d: d["packages"].clear()))
    old["packages"]["b-1.0-0.tar.bz2"]["license"] = "y" * 90_000
    with pytest.raises(Doubt, match="too large"):
        _check(tmp_path, old, _change(old, _CHANGES["a new record in front"]))
