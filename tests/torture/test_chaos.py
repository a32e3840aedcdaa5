"""Chaos in small, on both event loops; ``ASYNCFETCH_CHAOS=10000`` makes it large. The oracle is tested, too."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from asyncfetch import Interrupted, testing
from asyncfetch._model import errors
from asyncfetch._policy import answers, resume
from asyncfetch._sinks import file
from asyncfetch.testing.chaos import chaos
from asyncfetch.testing.chaos._faults import MISHAPS
from asyncfetch.testing.chaos._plan import plan

FETCHES = int(os.environ.get("ASYNCFETCH_CHAOS", "100"))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_chaos(backend):
    fetches = FETCHES if backend == "asyncio" else FETCHES // 3
    report = chaos(seed=7, fetches=fetches, backend=backend)
    print(f"\n{report}")
    assert report.wrongs == []
    assert report.fetches == fetches
    assert report.failures.total() > fetches / 50
    assert report.succeeded > fetches / 2
    assert len({name for _, name in report.met}) > len(MISHAPS) / 3


def test_the_seed_is_the_whole_truth():
    assert [str(plan(3, number)) for number in range(50)] == [str(plan(3, number)) for number in range(50)]
    assert plan(3, 5) == plan(3, 5)
    assert plan(3, 5) != plan(4, 5)
    first, second = chaos(seed=11, fetches=40), chaos(seed=11, fetches=40)
    assert (first.succeeded, first.failures) == (second.succeeded, second.failures)


def test_every_mishap_explains_itself_by_errors_there_are():
    for one in MISHAPS:
        for name in one.ends:
            assert issubclass(getattr(errors, name), errors.SourceError), one.name
    assert len({one.name for one in MISHAPS}) == len(MISHAPS)


def test_every_fault_that_can_be_had_is_among_them():
    made = [cue for one in MISHAPS for cue in [one.make(Random(5), 1_000)]]
    names = {type(fault).__name__ for cue in made for fault in (cue if isinstance(cue, tuple) else (cue,))}
    theirs = {name for name, home in testing._HOMES.items() if home == "faults"}
    assert theirs - names == {"Change", "Raise"}  # the plan has the one; the other is for far ends in memory


def plans(wanted):
    """Numbers of plans of seed 2 of one source, the quick ones, that have what is wanted."""
    found = [plan(2, number) for number in range(6_000)]
    quick = [one for one in found if len(one.sources) == 1 and not {"Stall", "Hold"} & set(one.sources[0].names)]
    numbers = [one.number for one in quick if wanted(one, one.sources[0])]
    assert len(numbers) > 4
    return numbers[:25]


def kinds(wanted):
    return {kind for kind, _, _ in chaos(seed=2, fetches=0, only=plans(wanted)).wrongs}


def test_splicing_is_noticed(monkeypatch):
    """A client that goes on after whatever it holds, whatever that was, as others do."""
    monkeypatch.setattr(resume, "ask", lambda held, source, *, provable: (held.length, None))
    monkeypatch.setattr(resume, "keep", lambda held, offset, matching, body, **_: offset)

    def changed_midway(one, source):
        sizes = {version.size for version in one.versions}
        cut = source.names[:1] in (("Cut",), ("Reset",)) and source.cues[0].at > 0
        return cut and source.names[1:2] == ("Change",) and len(one.versions) == 2 and len(sizes) == 1

    assert "wrong bytes" in kinds(changed_midway)


def test_no_verification_is_noticed(monkeypatch):
    monkeypatch.setattr(file, "check", lambda digests, computed, url: None)
    assert "wrong bytes" in kinds(lambda one, source: source.names == ("Corrupt",) and not one.memory)


def test_a_wrong_name_is_noticed(monkeypatch):
    monkeypatch.setattr(answers, "NotFound", Interrupted)
    assert "misnamed" in kinds(lambda one, source: source.missing and source.scheme != "ftp")


def test_the_command():
    command = [sys.executable, "-m", "asyncfetch.testing.chaos", "--seed", "5", "--only", "3", "--only", "8"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert "seed 5: 2 fetches met" in done.stdout
    assert "0 wrong bytes" in done.stdout
