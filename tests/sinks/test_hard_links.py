"""Another name in place of a copy, on request: for a file on the same disk, verified, put there in one step."""

import errno
import os
import sys

import pytest

from asyncfetch import DigestMismatch, SizeMismatch
from asyncfetch._disk import copy

from ..client.scene import LARGE, SMALL, client, digest_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.descriptors,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is a copy"),
]


@pytest.fixture(autouse=True)
def _no_reflinks(monkeypatch):
    """Where blocks can be shared that is better still; this is about the others."""
    monkeypatch.setattr("asyncfetch._sinks.writing.reflink", lambda source, target: False)


@pytest.fixture(params=[SMALL, LARGE], ids=["small", "large"])
def source(request, tmp_path):
    path = tmp_path / "source"
    path.write_bytes(request.param)
    (tmp_path / "to").mkdir()
    return path


@pytest.mark.parametrize("digested", [True, False])
@pytest.mark.parametrize("old", [True, False])
async def test_it_is_the_same_file(source, tmp_path, digested, old):
    to = tmp_path / "to" / "file"
    if old:
        to.write_bytes(b"old")
    body = source.read_bytes()
    async with client(hard_links=True) as one:
        result = await one.fetch(source.as_uri(), to, digest=digest_of(body) if digested else None)
        assert os.path.samefile(source, to)
        assert (result.size, result.digest) == (len(body), digest_of(body) if digested else None)
        # and once more, when it is that already
        await one.fetch(source.as_uri(), to)
    assert os.path.samefile(source, to)
    assert os.listdir(to.parent) == ["file"]


async def test_without_the_request_it_is_a_copy(source, tmp_path):
    async with client() as one:
        await one.fetch(source.as_uri(), tmp_path / "to" / "file")
    assert not os.path.samefile(source, tmp_path / "to" / "file")
    assert (tmp_path / "to" / "file").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EPERM, errno.EMLINK])
async def test_where_it_cannot_be_it_is_a_copy(source, tmp_path, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    to = tmp_path / "to" / "file"
    async with client(hard_links=True) as one:
        await one.fetch(source.as_uri(), to, digest=digest_of(source.read_bytes()))
    assert not os.path.samefile(source, to)
    assert to.read_bytes() == source.read_bytes()
    assert os.listdir(to.parent) == ["file"]


async def test_what_is_wrong_is_not_linked(source, tmp_path):
    to = tmp_path / "to" / "file"
    async with client(hard_links=True) as one:
        with pytest.raises(DigestMismatch):
            await one.fetch(source.as_uri(), to, digest=digest_of(b"other"))
        with pytest.raises(SizeMismatch):
            await one.fetch(source.as_uri(), to, size=1)
        assert os.listdir(to.parent) == []
        # the next source is copied into a part of its own, not into the file that the first one named
        (tmp_path / "right").write_bytes(b"right" * 100_000)
        mirrors = [(tmp_path / "right").as_uri()]
        body = source.read_bytes()
        await one.fetch(source.as_uri(), to, mirrors=mirrors, digest=digest_of(b"right" * 100_000))
    assert os.path.samefile(tmp_path / "right", to)
    assert source.read_bytes() == body


async def test_a_link_that_fails_is_told(source, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "link", fail)
    async with client(hard_links=True) as one:
        with pytest.raises(OSError, match="no") as caught:
            await one.fetch(source.as_uri(), tmp_path / "to" / "file")
    assert caught.value.errno == errno.EIO
    assert os.listdir(tmp_path / "to") == []


def test_another_system(monkeypatch, tmp_path):
    monkeypatch.setattr(copy.sys, "platform", "darwin")
    assert not copy.hard_link(0, str(tmp_path / "file"))
