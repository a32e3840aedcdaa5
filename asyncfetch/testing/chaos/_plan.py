"""What one fetch is to meet: its wish, its sources and their mishaps, all of it from the seed and its number."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .. import faults as f
from ..pattern import Pattern
from ._faults import CHANGE, CHANGED_ENDS, choose

SCHEMES = ("http", "https", "s3", "ftp")
_SIZES = ((0, 0), (1, 20), (1_000, 20_000), (20_000, 300_000), (300_000, 3_000_000), (4_300_000, 7_000_000))
_OFTEN = (1, 4, 50, 29, 14, 2)
_SEEDS = 8  # different bodies
_MOST = 3  # mishaps of one source: fewer than a source is asked again, so that being asked too often ends none


@dataclass(frozen=True, slots=True)
class Source:
    """One place to ask, and what it is to do, one answer after the other."""

    scheme: str
    names: tuple[str, ...]
    cues: tuple[f.Cue, ...]
    ends: tuple[frozenset[str], ...]
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """One fetch. ``versions`` are the bodies that are right; ``old`` says that a file lies there already."""

    number: int
    versions: tuple[Pattern, ...]
    sources: tuple[Source, ...]
    digest: bool
    size: bool
    memory: bool
    old: bool

    def __str__(self) -> str:
        proof = " and ".join(word for word, there in (("digest", self.digest), ("size", self.size)) if there)
        sources = "; ".join(
            f"{one.scheme}: {'missing' if one.missing else ', '.join(one.names) or 'well'}" for one in self.sources
        )
        where = "memory" if self.memory else "a file over another" if self.old else "a file"
        return f"fetch {self.number}: {self.versions[0].size} bytes into {where}, {proof or 'no proof'}; {sources}"


def plan(seed: int, number: int) -> Plan:
    """Make the plan of one fetch; the same for the same seed and number, wherever it is made."""
    random = Random(f"{seed}:{number}")
    size = random.randint(*random.choices(_SIZES, _OFTEN)[0])
    body = Pattern(size, seed=random.randrange(_SEEDS))
    digest, sized = random.random() < 0.6, random.random() < 0.3
    other = Pattern(size if random.random() < 0.5 else size + random.randint(1, 5_000), seed=_SEEDS)
    schemes = [random.choice(SCHEMES) for _ in range(random.choices((1, 2, 3), (70, 20, 10))[0])]
    sources = tuple(_source(random, scheme, body, other, digest=digest, sized=sized) for scheme in schemes)
    changes = any(CHANGE in source.names for source in sources)
    versions = (body,) if digest or not changes or (sized and other.size != size) else (body, other)
    memory = random.random() < 0.15
    return Plan(number, versions, sources, digest, sized, memory, old=not memory and random.random() < 0.2)


def _source(random: Random, scheme: str, body: Pattern, other: Pattern, *, digest: bool, sized: bool) -> Source:
    if random.random() < 0.03:
        return Source(scheme, (), (), (), missing=True)
    names: list[str] = []
    cues: list[f.Cue] = []
    ends: list[frozenset[str]] = []
    for _ in range(random.choices(range(_MOST + 1), (15, 30, 30, 25))[0]):
        if scheme != "ftp" and random.random() < 0.08:
            names.append(CHANGE)
            cues.append(f.Change(other))
            ends.append(CHANGED_ENDS if digest or sized else frozenset())
            continue
        mishap = choose(random, scheme, digest=digest)
        names.append(mishap.name)
        cues.append(mishap.make(random, body.size))
        ends.append(mishap.ends)
    return Source(scheme, tuple(names), tuple(cues), tuple(ends))
