"""The scenes of the demonstration: each does one thing and says what came of it.

Rule: a scene holds only if what the servers counted agrees with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import asyncfetch

from .._progress.text import size_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asyncfetch.testing import HttpServer, Pattern
    from asyncfetch.testing.far_ends import FarEnd

LARGE = 24_000_000  # bytes; large enough to be cut in the middle, small enough for a slow laptop
SMALL, MANY = 4_000, 400


class Surprise(Exception):
    """A scene did not go as it must."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where scenes take place: the far ends by scheme, a folder for files, and the settings that reach them all."""

    far_ends: dict[str, FarEnd]
    folder: str
    settings: asyncfetch.Settings

    @property
    def server(self) -> HttpServer:
        """The http server, which does wrong on cue."""
        server: HttpServer = self.far_ends["http"].server  # type: ignore[attr-defined]  # that of http has one
        return server

    def put(self, scheme: str, name: str, data: Pattern) -> str:
        """Publish bytes at a far end and give their URL."""
        return self.far_ends[scheme].publish(name, data.read())

    def path(self, name: str) -> str:
        """Give the path of a file to fetch into."""
        return os.path.join(self.folder, "fetched", name)


def scenes(stage: Stage) -> list[tuple[str, Callable[[], Awaitable[str]]]]:
    """Give every scene with its title."""
    schemes = [(f"{scheme}: a file, verified", partial(whole, stage, scheme)) for scheme in stage.far_ends]
    return [
        *schemes,
        (f"http: {MANY} small files at once", partial(many, stage)),
        ("http: the server cuts; resumed", partial(cut, stage)),
        ("http: cut for good; resumed later", partial(later, stage)),
        ("http: a corrupt body is refused", partial(corrupt, stage)),
        ("http: corrupt; a mirror helps", partial(mirror, stage)),
        ("http: unchanged since last time", partial(unchanged, stage)),
        ("http: already there", partial(there, stage)),
        ("https: an unknown authority", partial(unknown, stage)),
    ]


def settings_for(far_ends: dict[str, FarEnd]) -> asyncfetch.Settings:
    """Give settings that reach all far ends: what each needs beyond the defaults, put together."""
    # nothing of the user's own environment takes part: no proxy, no password
    settings, default = (
        asyncfetch.Settings(trust_env=False, retry=asyncfetch.Retry(backoff=0.05)),
        asyncfetch.Settings(),
    )
    for far_end in far_ends.values():
        needs = {one.name: getattr(far_end.settings, one.name) for one in fields(default)}
        settings = replace(settings, **{name: need for name, need in needs.items() if need != getattr(default, name)})
    return settings


def expect(condition: object, otherwise: str) -> None:
    """Raise Surprise unless the condition holds."""
    if not condition:
        raise Surprise(otherwise)


async def whole(stage: Stage, scheme: str) -> str:
    """Fetch one file of a scheme with its digest."""
    from asyncfetch.testing import Pattern

    data = Pattern(LARGE, seed=1)
    url = stage.put(scheme, "whole.bin", data)
    async with asyncfetch.Client(settings=stage.settings) as client:
        result = await client.fetch(url, stage.path(f"{scheme}.bin"), digest=f"sha256:{data.sha256}")
    expect(os.path.getsize(stage.path(f"{scheme}.bin")) == LARGE, "the file has another size")
    return f"{size_text(result.size)} with the right SHA-256, {size_text(result.size / result.elapsed)}/s"


async def many(stage: Stage) -> str:
    """Fetch many small files at once."""
    from asyncfetch.testing import Pattern

    resources = [stage.server.serve(f"/many/{number}", Pattern(SMALL, seed=number % 8)) for number in range(MANY)]
    wishes = [asyncfetch.Fetch(one.url, stage.path("many") + os.sep, digest=one.digest) for one in resources]
    connections = stage.server.connections
    async with asyncfetch.Client(settings=stage.settings) as client:
        outcomes = await client.fetch_all(wishes)
    failures = [outcome for outcome in outcomes if isinstance(outcome, asyncfetch.FetchError)]
    expect(not failures, f"{len(failures)} failed, the first: {failures[:1]}")
    expect(all(one.hits == 1 for one in resources), "something was asked for twice")
    return f"{MANY} files, a request each, over {stage.server.connections - connections} connections"


async def cut(stage: Stage) -> str:
    """Go on where the server cut the connection."""
    from asyncfetch.testing import Cut, Pattern

    resource = stage.server.serve("/cut.bin", Pattern(LARGE, seed=2), faults=[Cut(at=LARGE // 3), Cut(at=LARGE // 3)])
    async with asyncfetch.Client(settings=stage.settings) as client:
        result = await client.fetch(resource.url, stage.path("cut.bin"), digest=resource.digest)
    again = resource.body_bytes_sent - LARGE
    expect(resource.hits == 3 and result.attempts == 3, f"{resource.hits} requests")
    expect(again < LARGE // 10, f"{size_text(again)} were sent again")
    return f"cut twice, 3 requests; the server sent {size_text(again)} twice"


async def later(stage: Stage) -> str:
    """Go on with what an earlier run left, in another client."""
    from asyncfetch.testing import Cut, Pattern

    resource = stage.server.serve("/later.bin", Pattern(LARGE, seed=3), faults=[Cut(at=LARGE // 2)])
    impatient = replace(stage.settings, retry=asyncfetch.Retry(attempts=1))
    async with asyncfetch.Client(settings=impatient) as client:
        failure = await _failure(client.fetch(resource.url, stage.path("later.bin")))
    expect(isinstance(failure, asyncfetch.Interrupted), f"the cut was not noticed: {failure!r}")
    expect(not os.path.exists(stage.path("later.bin")), "half a file stands under the final name")
    async with asyncfetch.Client(settings=stage.settings) as client:
        result = await client.fetch(resource.url, stage.path("later.bin"), digest=resource.digest)
    expect(result.resumed_from > 0, "it began anew")
    return f"second run began at {size_text(result.resumed_from)} and moved {size_text(result.transferred)}"


async def corrupt(stage: Stage) -> str:
    """Refuse bytes that are not the ones asked for."""
    from asyncfetch.testing import Corrupt, Pattern

    resource = stage.server.serve("/corrupt.bin", Pattern(LARGE, seed=4), always=[Corrupt(at=LARGE // 2)])
    Path(stage.path("corrupt.bin")).write_bytes(b"the old file")
    async with asyncfetch.Client(settings=stage.settings) as client:
        failure = await _failure(client.fetch(resource.url, stage.path("corrupt.bin"), digest=resource.digest))
    expect(isinstance(failure, asyncfetch.DigestMismatch), f"it was not noticed: {failure!r}")
    expect(Path(stage.path("corrupt.bin")).read_bytes() == b"the old file", "the old file was touched")
    return "one byte wrong: refused, the old file is untouched"


async def mirror(stage: Stage) -> str:
    """Take from a mirror what the first source has wrong."""
    from asyncfetch.testing import Corrupt, Pattern

    data = Pattern(LARGE, seed=5)
    resource = stage.server.serve("/wrong.bin", data, always=[Corrupt(at=LARGE - 1)])
    good = stage.put("https", "right.bin", data)
    async with asyncfetch.Client(settings=stage.settings) as client:
        result = await client.fetch(resource.url, stage.path("mirror.bin"), digest=resource.digest, mirrors=[good])
    expect(result.source.scheme == "https", f"it came from {result.source}")
    return f"last byte wrong: fetched again from the https mirror, {result.attempts} attempts"


async def unchanged(stage: Stage) -> str:
    """Ask conditionally."""
    from asyncfetch.testing import Pattern

    resource = stage.server.serve("/same.bin", Pattern(LARGE, seed=6))
    async with asyncfetch.Client(settings=stage.settings) as client:
        first = await client.fetch(resource.url, stage.path("same.bin"))
        sent = resource.body_bytes_sent
        second = await client.fetch(resource.url, stage.path("same.bin"), unless=first.validator)
    expect(second.unchanged and resource.body_bytes_sent == sent, "the body was sent again")
    return "the server says 304, no byte of the body moved"


async def there(stage: Stage) -> str:
    """Do nothing where the right file is there already."""
    from asyncfetch.testing import Pattern

    resource = stage.server.serve("/there.bin", Pattern(LARGE, seed=7))
    async with asyncfetch.Client(settings=stage.settings) as client:
        await client.fetch(resource.url, stage.path("there.bin"), digest=resource.digest)
        again = await client.fetch(resource.url, stage.path("there.bin"), digest=resource.digest)
    expect(resource.hits == 1 and again.transferred == 0, f"{resource.hits} requests")
    return "its digest holds: no request at all"


async def unknown(stage: Stage) -> str:
    """Trust no authority that nobody named."""
    from asyncfetch.testing import Pattern

    url = stage.put("https", "unknown.bin", Pattern(SMALL))
    async with asyncfetch.Client(settings=replace(stage.settings, trust=asyncfetch.Trust())) as client:
        failure = await _failure(client.fetch(url, stage.path("unknown.bin")))
    expect(isinstance(failure, asyncfetch.Untrusted), f"it was trusted: {failure!r}")
    return "refused: the private authority is not among the trusted"


async def _failure(fetch: Awaitable[asyncfetch.Result]) -> asyncfetch.FetchError | asyncfetch.Result:
    try:
        return await fetch
    except asyncfetch.FetchError as error:
        return error
