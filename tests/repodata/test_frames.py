"""Where zstd frames end; libzstd itself is what they are compared with."""

import random

import pytest
import zstandard
from hypothesis import given, strategies as st

from asyncfetch.repodata._frames import Frames, NotFrames

SKIPPABLE = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"


def frame(data, **more):
    return zstandard.ZstdCompressor(**more).compress(data)


def streamed(data, **more):
    """A frame that does not say how long its content is."""
    one = zstandard.ZstdCompressor(**more).compressobj()
    return one.compress(data) + one.flush()


TEXT = random.Random(1).randbytes(3_000) + b"x" * 300_000
FRAMES = {
    "plain": frame(TEXT),
    "empty": frame(b""),
    "checksum": frame(TEXT, write_checksum=True),
    "no size": frame(TEXT, write_content_size=False),
    "streamed": streamed(TEXT, write_checksum=True),
    "raw blocks": frame(random.Random(2).randbytes(150_000)),
    "two": frame(b"a" * 70) + frame(b"b" * 300, write_checksum=True),
    "skippable": SKIPPABLE + frame(b"a") + SKIPPABLE,
    "long window": frame(TEXT, level=19),
    "dictionary": zstandard.ZstdCompressor(
        dict_data=zstandard.ZstdCompressionDict(b"x" * 600, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    ).compress(b"xyz" * 50),
}


def fed(data, piece=None):
    frames = Frames()
    step = piece or len(data) or 1
    for start in range(0, len(data), step):
        frames.feed(memoryview(data)[start : start + step])
    return frames


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("piece", [None, 1, 3, 1000])
def test_a_whole_one_is_complete(name, piece):
    assert fed(FRAMES[name], piece).complete


@pytest.mark.parametrize("name", [name for name in FRAMES if name not in {"two", "skippable"}])
def test_a_cut_one_is_not_wherever_it_was_cut(name):
    data = FRAMES[name]
    cuts = range(len(data)) if len(data) < 5_000 else random.Random(3).sample(range(len(data)), 500)
    for cut in cuts:
        assert not fed(data[:cut]).complete, cut


def test_between_two_frames_it_is_complete_and_in_the_second_not():
    first, second = frame(b"a" * 70), frame(b"b" * 300)
    both = first + second
    assert [cut for cut in range(len(both) + 1) if fed(both[:cut]).complete] == [len(first), len(both)]


def test_what_only_skips_holds_nothing():
    assert not fed(SKIPPABLE).complete


@pytest.mark.parametrize("data", [b"<html>", b'{"packages": {}}', b"\x1f\x8b\x08\x00", b"\0\0\0\0", b"PK\3\4"])
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(NotFrames):
        fed(data)
    with pytest.raises(NotFrames):
        fed(frame(b"x") + data)


def test_it_agrees_with_libzstd():
    seen = {True: 0, False: 0}

    @given(st.binary(max_size=2_000), st.integers(1, 40), st.booleans(), st.integers(0, 19), st.integers(0, 9))
    def check(data, repeats, checksum, level, cut):
        body = frame(data * repeats, level=level, write_checksum=checksum)
        body = body[: len(body) - cut]
        expander = zstandard.ZstdDecompressor().decompressobj()
        expander.decompress(body)
        assert fed(body, 7).complete is expander.eof
        seen[expander.eof] += 1

    check()
    assert min(seen.values()) > 5
