"""Coming to hold NAME.part where the system lacks what others have, and where its holders are quicker than we are."""

import os
import shutil
from types import SimpleNamespace

import pytest

from asyncfetch._disk.hold import Access
from asyncfetch._disk.part import Part


@pytest.fixture
def part(tmp_path):
    part = Part(str(tmp_path / "file"), source="https://h.example/file", durable=False)
    yield part
    part.close(keep=False)


def test_a_link_is_not_followed_where_the_system_would(part, tmp_path, monkeypatch):
    """Windows has no O_NOFOLLOW: the link is looked for after the opening."""
    monkeypatch.delattr(os, "O_NOFOLLOW", raising=False)
    monkeypatch.setattr("asyncfetch._disk.hold.FLAGS", os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0))
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (tmp_path / "file.part").symlink_to(tmp_path / "elsewhere")
    assert part.open() is Access.OURS
    assert part.path != str(tmp_path / "file.part")
    part.write(memoryview(b"other bytes"))
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"


def test_a_part_that_others_commit_each_time_we_open_it(part, monkeypatch):
    answers = iter([False, False, False, True])
    monkeypatch.setattr(Part, "_is_current", lambda _: next(answers))
    assert part.open() is Access.BUSY
    assert not part.is_open
    assert part.watch() == (0, 0)
    assert part.open() is Access.OURS


@pytest.mark.parametrize(("free", "fits"), [(1000, True), (999, False)])
def test_free_space_where_there_is_no_statvfs(part, monkeypatch, free, fits):
    assert part.open() is Access.OURS
    monkeypatch.delattr(os, "statvfs", raising=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert part.space_for(1000, 0) is fits
