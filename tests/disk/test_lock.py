"""Locks between open files, and the mark that tells what their holder is after."""

import errno
import os
import sys

import pytest

from asyncfetch._disk import lock
from asyncfetch._disk.lock import LockUnsupported, mark, marked, try_lock


@pytest.fixture
def two(tmp_path):
    """The same file, opened twice."""
    descriptors = [os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT) for _ in range(2)]
    yield descriptors
    for descriptor in descriptors:
        os.close(descriptor)


def test_one_holds_it(two):
    assert try_lock(two[0])
    assert not try_lock(two[1])
    assert try_lock(two[0]), "the holder may ask again"


def test_it_goes_with_the_file(tmp_path):
    first = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    second = os.open(tmp_path / "file", os.O_RDWR)
    assert try_lock(first)
    os.close(os.dup(first))
    assert not try_lock(second), "closing a duplicate is not letting go"
    os.close(first)
    assert try_lock(second)
    os.close(second)


@pytest.mark.skipif(sys.platform == "win32", reason="another call there")
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_file_systems_without_locks(two, monkeypatch, code):
    def flock(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    with pytest.raises(LockUnsupported):
        try_lock(two[0])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no marks")
@pytest.mark.parametrize("token", [0, 1, 2**61 - 1])
def test_marks(two, token):
    assert marked(two[1]) is None
    mark(two[0], token)
    assert marked(two[1]) == token
    assert marked(two[0]) is None, "it is not told its own"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no marks")
def test_a_mark_is_no_byte(two):
    mark(two[0], 2**61 - 1)
    assert os.fstat(two[0]).st_size == 0
    assert try_lock(two[1]), "nor a lock"


def test_a_mark_that_cannot_be_had_is_no_error():
    closed = os.open(os.devnull, os.O_RDWR)
    os.close(closed)
    mark(closed, 5)
    assert marked(closed) is None
