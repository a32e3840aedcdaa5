"""Carries plans out, many at a time, and judges each."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import anyio

from ..._client import Client
from ..._disk.note import read_note
from ..._hosts import Hosts
from ..._model.errors import FetchError
from ..._model.fetch import Fetch, Result
from ._places import Places
from ._plan import plan

if TYPE_CHECKING:
    from ..._model.exchange import Held
    from ..._model.url import Url
    from ..pattern import Pattern
    from ._places import Published
    from ._plan import Plan
    from ._report import Report

_PATIENCE = 60.0  # seconds after which a fetch hangs: its worst plan takes a few
_OLD = b"what was there before"


class _AsPlanned(Hosts):
    """Has sources asked in the order of the plan: which host did better until now is not the seed's to say."""

    def order(self, sources: tuple[Url, ...], held: Held, *, provable: bool) -> tuple[Url, ...]:  # noqa: ARG002 - a port
        return sources


class Run:
    """All fetches of one seed."""

    def __init__(self, seed: int, report: Report, folder: str) -> None:
        self._seed = seed
        self._report = report
        self._folder = folder
        self._numbers: list[int] = []

    async def carry_out(self, numbers: list[int], width: int) -> None:
        """Fetch as the plans of these numbers say, so many at a time."""
        self._numbers = numbers[::-1]
        with Places(self._folder) as self._places:
            async with Client(settings=self._places.settings) as self._client, anyio.create_task_group() as tasks:
                around = self._client._around  # noqa: SLF001 - what the order of sources is asked of
                around.hosts = _AsPlanned(around.gates, around.clock, paced=False)
                for _ in range(width):
                    tasks.start_soon(self._work)

    async def _work(self) -> None:
        while self._numbers:
            await self._fetch(plan(self._seed, self._numbers.pop()))

    async def _fetch(self, plan: Plan) -> None:
        folder = os.path.join(self._folder, str(plan.number))
        os.mkdir(folder)
        to = None if plan.memory else os.path.join(folder, "file")
        if plan.old and to is not None:
            _write(to, _OLD)
        published = self._places.publish(plan)
        body = plan.versions[0]
        urls = [one.url for one in published]
        wish = Fetch(
            urls[0],
            to,
            mirrors=urls[1:],
            digest=f"sha256:{body.sha256}" if plan.digest else None,
            size=body.size if plan.size else None,
        )
        try:
            outcome = await self._ask(plan, wish)
            if outcome is not None:
                self._judge(plan, published, outcome, folder)
                if isinstance(outcome, FetchError):
                    await self._fetch_again(plan, published, wish, folder)
        finally:
            self._places.withdraw(plan, published)
            shutil.rmtree(folder)

    async def _ask(self, plan: Plan, wish: Fetch) -> Result | FetchError | None:
        try:
            with anyio.fail_after(_PATIENCE):
                return await self._client.fetch(wish)
        except FetchError as error:
            if error.reason.startswith("an unexpected"):
                self._report.wrong("foreign exception", plan, repr(error.__cause__))
                return None
            return error
        except TimeoutError:
            self._report.wrong("hang", plan, f"not over after {_PATIENCE:g} s")
        except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
            self._report.wrong("foreign exception", plan, repr(error))
        return None

    # --- judging

    def _judge(self, plan: Plan, published: list[Published], outcome: Result | FetchError, folder: str) -> None:
        for one in published:
            for name in one.source.names[: one.met]:
                self._report.meet(one.source.scheme, name, recovered=isinstance(outcome, Result))
        if isinstance(outcome, Result):
            self._report.succeed()
            self._judge_bytes(plan, outcome, folder)
        else:
            name = type(outcome).__name__
            self._report.fail(name)
            if why := _misnamed(published, name):
                self._report.wrong("misnamed", plan, f"{outcome!r}: {why}")
            if not plan.memory:
                self._judge_leavings(plan, folder)

    def _judge_bytes(self, plan: Plan, result: Result, folder: str) -> None:
        found = result.content if plan.memory else _read(os.path.join(folder, "file"))
        if not any(found == version.read() for version in plan.versions):
            self._report.wrong("wrong bytes", plan, f"{len(found or b'')} bytes")
        left = sorted(set(os.listdir(folder)) - {"file"})
        if left:
            self._report.wrong("left behind", plan, ", ".join(left))

    def _judge_leavings(self, plan: Plan, folder: str) -> None:
        """A failure leaves the old file, and at most a part whose note is true."""
        target, part = os.path.join(folder, "file"), os.path.join(folder, "file.part")
        if os.path.exists(target) != plan.old or (plan.old and _read(target) != _OLD):
            self._report.wrong("wrong bytes", plan, "a fetch that failed touched the destination")
        left = set(os.listdir(folder)) - {"file", "file.part", "file.part.json"}
        if left:
            self._report.wrong("left behind", plan, ", ".join(sorted(left)))
        if not os.path.exists(part):
            return
        content = _read(part)
        held = read_note(f"{part}.json", len(content))
        # of a body that can only be proved by its digest, a part may be wrong until that is computed
        if not plan.digest and not any(_begins(version, content[: held.length]) for version in plan.versions):
            self._report.wrong("wrong bytes", plan, f"the note vouches for {held.length} bytes that are none of it")

    async def _fetch_again(self, plan: Plan, published: list[Published], wish: Fetch, folder: str) -> None:
        """What failed succeeds when the far ends are well again, whatever was left behind."""
        for one in published:
            one.calm()
        outcome = await self._ask(plan, wish)
        if isinstance(outcome, Result):
            self._report.succeed_later(resumed=outcome.resumed_from > 0)
            self._judge_bytes(plan, outcome, folder)
        elif outcome is not None and not _all_spoilt(plan, published):
            self._report.wrong("misnamed", plan, f"again, with all well: {outcome!r}")


def _misnamed(published: list[Published], name: str) -> str:
    """Say why an error cannot be right: a source that nothing ended was left, or nothing explains its name."""
    explained: set[str] = set()
    for one in published:
        met = one.source.ends[: one.met]
        ends = frozenset({"NotFound"}) if one.source.missing else frozenset().union(*met)
        if not ends:
            return f"nothing ended {one.url}, which met {one.source.names[: one.met] or 'nothing'}"
        explained |= ends
    return "" if name in explained else f"only {sorted(explained)} would be right"


def _all_spoilt(plan: Plan, published: list[Published]) -> bool:
    """Whether every source is missing, or serves another body for good than the one that is proved."""
    return all(
        one.source.missing or (len(plan.versions) == 1 and "Change" in one.source.names[: one.was_met])
        for one in published
    )


def _begins(version: Pattern, front: bytes) -> bool:
    return version.read(0, len(front)) == front


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
