"""A part with stretches beyond its front, as several connections leave it, met by a source that comes in order."""

import pytest

from asyncfetch import Fetch, Limits, Validator
from asyncfetch._disk.part import Part
from asyncfetch.testing import Pattern

from ..client.scene import client, digest_of

pytestmark = [pytest.mark.anyio, pytest.mark.descriptors]
BODY = Pattern(5_000_000, seed=3).read()
ELSEWHERE = "https://h.example/x"


def leave(to, *spans):
    part = Part(str(to), source=ELSEWHERE, durable=False)
    part.open()
    part.begin(Validator(ELSEWHERE, etag='"1"', size=len(BODY), strong=True), len(BODY), 0, noted=True)
    for start, end in spans:
        part.write_at(memoryview(BODY)[start:end], start)
    part.close(keep=True)


@pytest.mark.parametrize("rate", [None, 1e9], ids=["copied by the kernel", "read"])
async def test_a_file_goes_on_after_the_front(tmp_path, rate):
    source, to = tmp_path / "source", tmp_path / "there" / "file"
    source.write_bytes(BODY)
    leave(to, (0, 1_000_000), (2_000_000, 2_500_000), (4_500_000, 5_000_000))
    async with client(limits=Limits(rate=rate)) as one:
        result = await one.fetch(Fetch(source.as_uri(), to, digest=digest_of(BODY)))
    assert (result.resumed_from, result.transferred) == (1_000_000, 4_000_000)
    assert to.read_bytes() == BODY
    assert [path.name for path in to.parent.iterdir()] == ["file"]
