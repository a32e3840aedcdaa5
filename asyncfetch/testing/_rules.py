"""What the rules share: bodies to publish, ways to read them, and how a rule says that it does not hold."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from .._model.errors import FetchError
from .._model.exchange import CHUNK, Request
from .._model.url import Url
from .pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .._model.exchange import Body, Validator
    from .._model.ports import Transport

SMALL = Pattern(2_003).read()
OTHER = Pattern(2_003, seed=1).read()  # as long as SMALL
LARGE = Pattern(1_500_007, seed=2).read()


def must(condition: object, message: str) -> None:
    """Raise AssertionError unless it holds; also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def same(found: bytes, wanted: bytes, what: str) -> None:
    """Raise AssertionError unless the bytes are equal; tells where they differ."""
    if found != wanted:
        at = next((i for i, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), -1)
        where = f"other bytes from {at} on" if at >= 0 else "cut short or too long"
        raise AssertionError(f"{what}: {len(found)} bytes in place of {len(wanted)}, {where}")


@asynccontextmanager
async def refusal() -> AsyncIterator[list[FetchError]]:
    """Collect an error of the tree, if there is one."""
    found: list[FetchError] = []
    try:
        yield found
    except FetchError as error:
        found.append(error)


async def read(body: Body, size: int = CHUNK) -> bytes:
    """Read a body to its end through buffers of one size."""
    data, view = bytearray(), memoryview(bytearray(size))
    while count := await body.fill(view):
        must(0 < count <= size, f"fill gave {count} for a buffer of {size}")
        data += view[:count]
    must(await body.fill(view) == 0, "after the end of the body, fill gives 0 again")
    return bytes(data)


async def fetched(transport: Transport, url: str) -> bytes:
    """Open a whole body and read it."""
    async with transport.open(Request(Url(url))) as body:
        return await read(body)


async def label(transport: Transport, url: str) -> Validator | None:
    """Give the validator that a body comes with."""
    async with transport.open(Request(Url(url))) as body:
        return body.validator
