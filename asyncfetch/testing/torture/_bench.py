"""Where rounds happen: one wish at one far end, a fresh folder each time, and the judgement after it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..._disk.hold import Access
from ..._disk.part import Part
from ..._model.errors import FetchError, Interrupted
from ..._model.fetch import Result
from ..._model.settings import Limits, Retry, Timeouts
from ..pattern import Pattern
from ._points import OURS, Points
from ._signs import NAME, look, look_after
from ._subject import SYNC, Subject

if TYPE_CHECKING:
    from pathlib import Path

    from ..far_ends import FarEnd
    from ._subject import MakeTransports, Outcome

_OLD = b"what was there before"
_STRETCH = 500_000  # bytes that one of several connections has brought
_EARLY = 50  # operations of a fetch within which its first bytes have come


@dataclass(frozen=True, slots=True)
class Wish:
    """What is fetched: ``size`` bytes, proved by a digest or not, into a file or into memory.

    ``before`` is what lies there: "nothing", an "old" file, a "part" of the body, or "islands": a part of which there
    are stretches further on too, as several connections leave it. For those ``size`` has to be over 4 MiB.
    """

    name: str
    size: int
    digest: bool = False
    memory: bool = False
    before: str = "nothing"
    durable: bool = False

    def __str__(self) -> str:
        where = "memory" if self.memory else "a file, durably" if self.durable else "a file"
        there = {"old": ", over an old one", "part": ", a part is there", "islands": ", stretches are there"}
        proof = "digest" if self.digest else "no digest"
        return f"{self.size} bytes into {where}, {proof}{there.get(self.before, '')}"


WISHES = (
    Wish("small", 10_000, digest=True, before="old"),
    Wish("large", 2_500_000),
    Wish("resumed", 2_500_000, digest=True, before="part"),
    Wish("pieces", 5_000_000, digest=True, before="islands"),
    Wish("durable", 1_200_000, before="old", durable=True),
    Wish("memory", 300_000, memory=True),
)


class Bench:
    """One wish at one far end."""

    def __init__(
        self,
        far_end: FarEnd,
        wish: Wish,
        backend: str,
        transports: MakeTransports | None,
        folder: Path,
        *,
        places: tuple[str, ...] = OURS,
    ) -> None:
        pattern = Pattern(wish.size, seed=11)
        self.wish = wish
        self.body = pattern.read()
        self.old = _OLD if wish.before == "old" else None
        self._folder = folder
        self._count = 0
        settings = replace(
            far_end.settings,
            retry=Retry(backoff=0.0),
            timeouts=Timeouts(connect=10.0, read=10.0, stall=None),
            trust_env=False,
            durable=wish.durable,
        )
        url = far_end.publish(f"torture/{wish.name}", self.body)
        digest = f"sha256:{pattern.sha256}" if wish.digest else None
        self._subject = Subject(url, None, digest, settings, backend, transports, places)
        self._before = folder / "before"
        self._before.mkdir()
        if self.old is not None:
            (self._before / NAME).write_bytes(self.old)
        elif wish.before == "part":
            self._leave_a_part()
        elif wish.before == "islands":
            self._leave_islands()

    def _leave_a_part(self) -> None:
        """Have one fill after the other fail until some bytes are there; with a rate, else the kernel copies files."""

        def interrupt(_: str) -> None:
            raise Interrupted("on purpose")

        plain = self._subject
        settings = replace(plain.settings, retry=Retry(attempts=1), limits=Limits(rate=1e9, connections_per_file=1))
        backend = "asyncio" if plain.backend == SYNC else plain.backend
        subject = replace(plain, to=str(self._before / NAME), settings=settings, backend=backend)
        for number in range(1, _EARLY):
            points = Points(number, interrupt, kinds=("port",))
            subject.fetch(points)
            if points.struck == "body.fill" and look(self._before, self.body, None):
                return
            for path in self._before.iterdir():
                path.unlink()
        raise AssertionError("no part could be left to go on with")

    def _leave_islands(self) -> None:
        """Leave what several connections leave that were cut: a front, and stretches behind it."""
        subject, body = self._subject, memoryview(self.body)
        part = Part(str(self._before / NAME), source=subject.url, durable=False)
        assert part.open() is Access.OURS
        part.begin(subject.validator(), len(body), 0, noted=True)
        for start in range(0, len(body), 4 * _STRETCH):
            part.write_at(body[start : start + _STRETCH], start)
        part.close(keep=True)

    def place(self) -> tuple[Subject, Path]:
        """Give the subject of the next round, and its folder: what lies there is what lay there before."""
        self._count += 1
        place = self._folder / str(self._count)
        shutil.copytree(self._before, place)
        return replace(self._subject, to=None if self.wish.memory else str(place / NAME)), place

    def warm_up(self) -> None:
        """Fetch as it is meant to be: what is made once, at either end, is there then."""
        subject, place = self.place()
        self.judge_next(subject.fetch(), place, self.wish.size)

    def judge(self, outcome: Outcome | None, place: Path, *, tidy: bool = True) -> int:
        """Judge what a strike left behind; ``outcome`` None: nobody was told. Gives the bytes to go on from.

        ``tidy`` False: what was struck may be the tidying itself.
        """
        if isinstance(outcome, Result):
            self._judge_result(outcome, place)
        return 0 if self.wish.memory else look(place, self.body, self.old, tidy=tidy)

    def judge_next(self, outcome: Outcome, place: Path, good: int) -> None:
        """Judge the fetch after that, which nothing befell, and clear its place away."""
        if isinstance(outcome, FetchError):
            raise AssertionError(f"the next fetch failed: {outcome!r}") from outcome  # noqa: TRY004 - a judgement
        assert outcome.resumed_from <= good, (
            f"the next fetch went on from byte {outcome.resumed_from}, where {good} were good"
        )
        self._judge_result(outcome, place)
        if not self.wish.memory:
            look_after(place, self.body)
        shutil.rmtree(place)

    def _judge_result(self, result: Result, place: Path) -> None:
        found = result.content if self.wish.memory else (place / NAME).read_bytes()
        assert found == self.body, "it is said to have succeeded, with other bytes"
