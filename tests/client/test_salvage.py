"""A bad digest where those of the pieces are known: only the pieces that are wrong come again."""

import hashlib
import os

import pytest

from asyncfetch import Digest, DigestMismatch, Fetch
from asyncfetch.testing import Change, Corrupt, HttpServer, Pattern

from .scene import client, digest_of, far_end, idle

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]
BODY = Pattern(6_000_017, seed=21).read()
PIECE = 262_144
LAST = len(BODY) - len(BODY) % PIECE


def by_pieces(data=BODY, name="sha1"):
    starts = range(0, len(data), PIECE)
    values = [hashlib.new(name, data[at : at + PIECE]).hexdigest() for at in starts]
    return Digest.of_pieces(name, PIECE, values)


def spoiled(*places):
    wrong = bytearray(BODY)
    for place in places:
        wrong[place] ^= 0xFF
    return bytes(wrong)


def spans(page):
    return [(request.offset, request.end) for request in page.requests]


@pytest.mark.parametrize("digest", [by_pieces(), [digest_of(BODY), by_pieces()]], ids=["pieces", "whole too"])
async def test_only_what_is_wrong_comes_again(tmp_path, digest):
    far = far_end()
    wrong = spoiled(PIECE + 3, 5 * PIECE, 5 * PIECE + 9, len(BODY) - 1)
    page = far.publish(
        "/page", wrong, etag='"1"', last_modified=None, faults=[None, Change(BODY, etag='"1"', last_modified=None)]
    )
    async with client(far) as one:
        result = await one.fetch(page.url, tmp_path / "file", digest=digest)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert os.listdir(tmp_path) == ["file"]
    assert spans(page) == [(0, None), (PIECE, None), (5 * PIECE, 6 * PIECE), (LAST, len(BODY))]
    assert result.transferred == len(BODY) + 2 * PIECE + len(BODY) - LAST
    assert result.attempts == 2


async def test_a_mirror_makes_good_what_its_own_source_cannot(tmp_path):
    far = far_end()
    page = far.publish("/page", spoiled(3 * PIECE), etag='"1"', last_modified=None)
    good = far.publish("/good", BODY, etag='"2"')
    async with client(far) as one:
        wish = Fetch(page.url, tmp_path / "file", digest=by_pieces(), mirrors=[good.url])
        result = await one.fetch(wish)
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert spans(page) == [(0, None), (3 * PIECE, None)], "once more, before another is asked"
    assert spans(good) == [(3 * PIECE, None)]
    assert result.transferred == len(BODY) + 2 * PIECE


async def test_over_http(tmp_path):
    with HttpServer() as server:
        page = server.serve("/page", BODY, faults=[Corrupt(2 * PIECE + 1)])
        async with client() as one:
            await one.fetch(page.url, tmp_path / "file", digest=by_pieces())
            await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert [request.range for request in page.requests] == [None, f"bytes={2 * PIECE}-"]


@pytest.mark.parametrize(
    ("digest", "places"),
    [(digest_of(BODY), [PIECE]), (Digest(str(by_pieces())), [PIECE]), (by_pieces(), [0])],
    ids=["no pieces", "no longer known", "the first"],
)
async def test_else_all_of_it_does(tmp_path, digest, places):
    far = far_end()
    page = far.publish("/page", spoiled(*places))
    good = far.publish("/good", BODY)
    async with client(far) as one:
        await one.fetch(page.url, tmp_path / "file", digest=digest, mirrors=[good.url])
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert (spans(page), spans(good)) == ([(0, None)], [(0, None)])


async def test_pieces_that_hold_and_a_whole_that_does_not(tmp_path):
    far = far_end()
    page = far.publish("/page", BODY)
    async with client(far) as one:
        with pytest.raises(DigestMismatch):
            await one.fetch(page.url, tmp_path / "file", digest=[digest_of(b"other"), by_pieces()])
        await idle(one)
    assert os.listdir(tmp_path) == []
    assert spans(page) == [(0, None)]


async def test_what_was_salvaged_is_resumed_by_a_later_fetch(tmp_path):
    far = far_end()
    page = far.publish("/page", spoiled(3 * PIECE), etag='"1"', last_modified=None)
    async with client(far) as one:
        with pytest.raises(DigestMismatch):
            await one.fetch(page.url, tmp_path / "file", digest=by_pieces())
        await idle(one)
    page.change(BODY, etag='"1"', last_modified=None)
    async with client(far) as one:
        result = await one.fetch(page.url, tmp_path / "file", digest=by_pieces())
        await idle(one)
    assert (tmp_path / "file").read_bytes() == BODY
    assert spans(page) == [(0, None), (3 * PIECE, None), (3 * PIECE, None)]
    assert (result.transferred, result.resumed_from) == (PIECE, 3 * PIECE)
