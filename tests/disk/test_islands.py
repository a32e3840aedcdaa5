"""What a note says of stretches beyond the front, and how much of it is believed."""

import json
import os

import pytest

from asyncfetch import Validator
from asyncfetch._disk import note as notes
from asyncfetch._disk.hold import Access
from asyncfetch._disk.note import Note, read_note
from asyncfetch._disk.part import Part
from asyncfetch._disk.sparse import without_holes
from asyncfetch._model.exchange import NOTHING, Held

ONE = Validator("https://h/a", etag='"1"', size=1_000_000, strong=True)
ISLANDS = ((2_000, 3_000), (5_000, 9_000))


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "note")


def written(path, validator, *steps):
    note = Note(path, validator, 1_000_000, 10)
    for good, islands in steps:
        note.move_on(good, islands)
    note.close()
    return path


def test_islands_are_read_as_they_were_written(path):
    assert read_note(written(path, ONE, (1_000, ISLANDS)), 9_000) == Held(1_000, ONE, ISLANDS)
    assert read_note(path, 8_999) is NOTHING, "the part is shorter than what the note vouches for"


def test_fewer_islands_leave_nothing_of_more(path):
    assert read_note(written(path, ONE, (1_000, ISLANDS), (3_000, ISLANDS[1:])), 9_000).islands == ISLANDS[1:]
    assert read_note(written(path, ONE, (1_000, ISLANDS), (9_000, ())), 9_000) == Held(9_000, ONE)


def test_who_does_not_know_of_islands_finds_the_front(path):
    with open(written(path, ONE, (1_000, ISLANDS)), encoding="ascii") as file:
        fields = json.load(file)
    assert (fields["schema"], fields["good"]) == (1, 1_000)


def test_more_islands_than_a_note_has_room_for_are_not_noted(path):
    many = [(number * 100, number * 100 + 50) for number in range(1, 100)]
    held = read_note(written(path, ONE, (50, many)), 10_000)
    assert list(held.islands) == many[: notes._ISLANDS]


@pytest.mark.parametrize("length", [10, 2_000, 2_600, 3_000, 3_900, 4_096, 9_000])
def test_what_moves_lies_in_one_page(path, length):
    huge = [(number * 10**18, number * 10**18 + 10**17) for number in range(1, 19)] * 2
    validator = Validator(f"https://h/{'x' * length}", etag='"1"', strong=True)
    note = Note(path, validator, None, 1)
    start = os.path.getsize(path) - notes._WIDTH - 2
    note.move_on(10**15, huge)
    note.close()
    assert start // 4096 == (os.path.getsize(path) - 1) // 4096
    with open(path, "rb") as file:
        file.seek(start)
        assert file.read(notes._WIDTH) == b"%20d" % 10**15
        file.seek(0)
        assert json.load(file)["source"] == validator.source


@pytest.mark.parametrize(
    "islands",
    [
        7, {}, [7], [[1]], [[2_000, 3_000, 4_000]], [["2000", 3_000]], [[2_000, True]], [[2_000, 2_000]],
        [[3_000, 2_000]], [[1_000, 2_000]], [[500, 2_000]], [[2_000, 3_000], [3_000, 4_000]],
        [[5_000, 6_000], [2_000, 3_000]], [[2_000, 1_000_001]], [[-5, 3_000]], [[2_000, None]],
    ],
)  # fmt: skip
def test_islands_that_make_no_sense_make_the_note_worthless(path, islands):
    fields = {"schema": 1, "source": ONE.source, "validator": ONE.to_json(), "size": 1_000_000, "good": 1_000}
    with open(path, "w", encoding="ascii") as file:
        json.dump({**fields, "islands": islands}, file)
    assert read_note(path, 2_000_000) is NOTHING


@pytest.mark.skipif(not hasattr(os, "SEEK_HOLE"), reason="the system does not tell where holes are")
def test_what_lies_in_a_hole_is_not_believed(tmp_path):
    with open(tmp_path / "part", "wb+") as file:
        os.pwrite(file.fileno(), b"x" * 65_536, 0)
        os.pwrite(file.fileno(), b"x" * 65_536, 262_144)
        os.ftruncate(file.fileno(), 1_048_576)
        number = file.fileno()
        if os.lseek(number, 0, os.SEEK_HOLE) == 1_048_576:
            pytest.skip("this filesystem does not tell where holes are")
        whole = Held(65_536, ONE, ((262_144, 327_680),))
        assert without_holes(number, whole) == whole
        lost = Held(65_536, ONE, ((131_072, 196_608), (262_144, 327_680), (524_288, 600_000)))
        assert without_holes(number, lost) == whole
        assert without_holes(number, Held(131_072, ONE, ((262_144, 400_000),))) == whole
        assert os.lseek(number, 0, os.SEEK_CUR) == 0
        os.ftruncate(number, 0)
        os.ftruncate(number, 1_048_576)
        assert without_holes(number, whole) is NOTHING


def opened(tmp_path):
    part = Part(str(tmp_path / "file"), source=ONE.source, durable=False)
    assert part.open() is Access.OURS
    return part


@pytest.mark.parametrize("pwrite", [True, False])
def test_pieces_are_written_where_they_belong_and_found_again(tmp_path, monkeypatch, pwrite):
    if not pwrite:
        monkeypatch.delattr("os.pwrite", raising=False)
    part = opened(tmp_path)
    part.begin(ONE, 1_000_000, 0, noted=True)
    view = memoryview(bytes(range(250)) * 40)  # 10,000 bytes
    for at in (0, 30_000, 20_000, 60_000, 10_000):
        part.write_at(view, at)
    assert part.position == 40_000
    part.close(keep=True)

    part = opened(tmp_path)
    assert part.held == Held(40_000, ONE, ((60_000, 70_000),))
    part.begin(ONE, 1_000_000, 40_000, part.held.islands, noted=True)
    part.write_at(view, 50_000)
    part.write_at(view, 40_000)
    assert part.position == 70_000
    part.begin(ONE, 1_000_000, 70_000, noted=True)
    part.write(view)  # and on in order
    part.commit()
    assert (tmp_path / "file").read_bytes() == bytes(view) * 8


def test_a_new_body_takes_nothing_of_the_old_islands(tmp_path):
    part = opened(tmp_path)
    part.begin(ONE, 1_000_000, 0, noted=True)
    part.write_at(memoryview(b"x" * 100), 0)
    part.write_at(memoryview(b"x" * 100), 500)
    part.begin(ONE, 1_000_000, 100, noted=True)
    assert os.path.getsize(part.path) == 100
    part.write(memoryview(b"y" * 10))
    part.close(keep=True)
    assert opened(tmp_path).held == Held(110, ONE)
