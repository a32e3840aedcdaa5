"""The rules find a module that is wrong by one word: each mutation below must break one of them.

A mutant that lives is a rule nobody checks. The text to be changed must occur once: whoever rewrites a decision
rewrites its mutations.
"""

import importlib
import sys
from types import ModuleType

import hypothesis
import pytest

from tests.policy.rules import attempts, coverage, lineup, names, pacing, redirects, resume, scoreboard, split, widening

# without shrinking: that it fails is all we want to know
_PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)

_CHECKS = {
    "attempts": lambda module: attempts.check(module, examples=200, phases=_PHASES),
    "coverage": lambda module: coverage.check(module, examples=200, phases=_PHASES),
    "lineup": lambda module: lineup.check(module, examples=100, phases=_PHASES),
    "names": lambda module: names.check(module, examples=200, phases=_PHASES),
    "pacing": lambda module: pacing.check(module, examples=100, phases=_PHASES),
    "redirects": lambda module: redirects.check(module, examples=300, phases=_PHASES),
    "scoreboard": lambda module: scoreboard.check(module, examples=300, phases=_PHASES),
    "split": lambda module: split.check(module, examples=150, phases=_PHASES),
    "widening": lambda module: widening.check(module, examples=20, phases=_PHASES),
    "resume": lambda module: resume.check(module, bodies=["", "a", "b", "aa", "ab", "aaa", "aab", "abb"]),
}

_MUTATIONS = [
    ("attempts", "if verdict is Verdict.ABORT:", "if verdict is None:"),
    ("attempts", "if verdict is Verdict.NEXT_SOURCE:", "if verdict is None:"),
    ("attempts", "1 if progressed else candidate.tries + 1", "candidate.tries + 1"),
    ("attempts", "1 if progressed else candidate.tries + 1", "0 if progressed else candidate.tries + 1"),
    ("attempts", "candidate.tries >= self._retry.attempts", "candidate.tries > self._retry.attempts"),
    ("attempts", "candidate.tries >= self._retry.attempts", "candidate.tries >= self._retry.attempts - 1"),
    ("attempts", "candidate.ready_at = now + self._pause", "candidate.ready_at = self._pause"),
    ("attempts", "if candidate.renewed:", "if False:"),
    ("attempts", "candidate.renewed = True", "pass"),
    ("attempts", "if candidate.ready_at <= now]", "if candidate.ready_at < now]"),
    ("attempts", "if candidate.ready_at <= now]", "]"),
    ("attempts", "(candidate.index <= after, candidate.index)", "(candidate.index < after, candidate.index)"),
    ("attempts", "(candidate.index <= after, candidate.index)", "candidate.index"),
    ("attempts", "(candidate.ready_at, candidate.index)", "(candidate.index, candidate.ready_at)"),
    ("attempts", "return Step(chosen.index, chosen.ready_at - now)", "return Step(chosen.index, chosen.ready_at)"),
    ("attempts", "min(tries - 1, 60)", "min(tries, 60)"),
    ("attempts", "min(tries - 1, 60)", "(tries - 1)"),
    ("attempts", "ceiling * self._random()", "ceiling"),
    ("attempts", "return max(ceiling", "return min(ceiling"),
    ("attempts", "min(retry_after or 0.0, self._retry.retry_after_max)", "(retry_after or 0.0)"),
    ("attempts", "min(self._retry.backoff_max, self._retry.backoff *", "(self._retry.backoff *"),
    ("attempts", "self._find(source).ready_at = until", "self._find(source)"),
    ("resume", "held.length == 0:", "held.length == -1:"),
    ("resume", "validator.source == source", "True"),
    ("resume", "and validator.strong else None", "else None"),
    ("resume", "if matching is None and not provable:", "if not provable:"),
    ("resume", "if matching is None and not provable:", "if matching is None:"),
    ("resume", "held.length > size:", "held.length >= size:"),
    ("resume", "size is not None and held.length > size", "False"),
    ("resume", "held.length - 1 if held.length == size else", ""),
    ("resume", "matching if offset else None", "matching"),
    ("resume", "body.offset != offset or", ""),
    ("resume", "body.size is not None and offset > body.size", "False"),
    ("resume", "theirs is None or not theirs.agrees(matching)", "theirs is None"),
    ("resume", "None if matching.etag is not None and theirs.etag is None else offset", "offset"),
    ("resume", "known.size != body.size", "False"),
    ("resume", "and not theirs.agrees(known)", "and False"),
    ("resume", "theirs.source == known.source", "True"),
    ("resume", "return offset if provable else None", "return offset"),
    ("resume", "return offset if provable else None", "return None"),
    ("resume", "return 0\n", "return held.length\n"),
    ("names", "if not name:", "if name is None:"),
    ("names", 'name in {".", ".."}', 'name in {"."}'),
    ("names", 'name in {".", ".."}', 'name in {".."}'),
    ("names", ' or "/" in name', ""),
    ("names", ' or "\\\\" in name', ""),
    ("names", ' or "\\0" in name', ""),
    ("names", "_DEVICE.fullmatch(name) or", ""),
    ("names", "_DEVICE.fullmatch(name)", "_DEVICE.match(name)"),
    ("names", "or _FORBIDDEN_THERE.search(name)", ""),
    ("names", "if windows and", "if"),
    ("names", "|[. ]\\Z", "|[.]\\Z"),
    ("names", "[ ]*(\\..*)?", "(\\..*)?"),
    ("names", ", re.IGNORECASE", ""),
    ("pacing", "now - self._since < self._window", "now - self._since <= self._window"),
    ("pacing", "received - self._bytes < self._rate", "received - self._bytes <= self._rate"),
    ("pacing", "received - self._bytes < self._rate", "received < self._rate"),
    ("pacing", "* (now - self._since)\n", "* self._window\n"),
    ("pacing", "self._since, self._bytes = now, received", "self._bytes = received"),
    ("pacing", "silent and self._silent and self.places == 1", "silent and self.places == 1"),
    ("pacing", "silent and self._silent and self.places == 1", "silent and self._silent"),
    ("pacing", "silent and self._silent and self.places == 1", "self._silent and self.places == 1"),
    ("pacing", "            self._silent = silent\n", "            self._silent = True\n"),
    ("pacing", "        self._silent = False\n        if well", "        if well"),
    ("pacing", "began >= self._lost_at", "True"),
    ("pacing", "began >= self._lost_at", "began > self._lost_at"),
    ("pacing", "max(1, min(self.places, busy) // 2)", "min(self.places, busy) // 2"),
    ("pacing", "max(1, min(self.places, busy) // 2)", "max(1, self.places // 2)"),
    ("pacing", "max(1, min(self.places, busy) // 2)", "max(1, busy // 2)"),
    ("pacing", "            self._good = 0\n            self._lost_at", "            self._lost_at"),
    ("pacing", "            self._lost_at = now\n", "            pass\n"),
    ("pacing", "        self.pauses = 0\n        self._silent = False\n", "        self._silent = False\n"),
    ("pacing", "if well and self.places < self._most:", "if self.places < self._most:"),
    ("pacing", "if well and self.places < self._most:", "if well:"),
    ("pacing", "if self._good >= self.places:", "if self._good > self.places:"),
    ("pacing", "                self.places += 1\n                self._good = 0", "                self.places += 1"),
    ("pacing", "if now >= self.until:\n", "if True:\n"),
    ("pacing", "max(self.until, now + seconds)", "now + seconds"),
    ("pacing", "min(asked, retry.retry_after_max)", "asked"),
    ("pacing", "min(self.pauses, 60)", "self.pauses"),
    ("pacing", ") * chance", ")"),
    ("pacing", "return now >= self.until and (", "return ("),
    ("pacing", "self.places == self._most and self.pauses == 0", "self.places == self._most"),
    ("pacing", "max(self._lost_at, self.until) > _FORGOTTEN", "self._lost_at > _FORGOTTEN"),
    ("scoreboard", "weight is None:", "False:"),
    ("scoreboard", "min(_WORST, self._held_against(host, now) + weight)", "self._held_against(host, now) + weight"),
    ("scoreboard", "self._held_against(host, now) + weight)", "weight)"),
    ("scoreboard", "if len(self.failing) >= _HOSTS:\n", "if False:\n"),
    ("scoreboard", "        self.failing.pop(host, None)  # what", "        # what"),
    ("scoreboard", "self._held_against(host, now) * _CLEARED", "self._held_against(host, now)"),
    ("scoreboard", "if left < _FAILING / 10:", "if left < 10:"),
    ("scoreboard", "if known is not None and now - known[1] < _REMEMBERED:", "if known is not None:"),
    ("scoreboard", "if known is not None and now - known[1] < _REMEMBERED:", "if False:"),
    ("scoreboard", "elif len(self._rates) >= _HOSTS:", "elif False:"),
    ("scoreboard", "if now - at < _REMEMBERED}", "}"),
    ("scoreboard", ">= _FAILING:", "> 8:"),
    ("scoreboard", "                return 2", "                return 1"),
    ("scoreboard", "rates.get(host, fastest)", "rates.get(host, 0)"),
    ("scoreboard", "* _CRAWLING < fastest", "< fastest"),
    ("scoreboard", "0.5 ** ((now - at) / HALF_LIFE)", "1.0"),
    ("scoreboard", "self._held_against(host, now) < _FAILING]:", "False]:"),
    ("lineup", "size is not None and size >= LARGE]", "size is not None]"),
    ("lineup", "size is not None and size >= LARGE]", "size is not None and size > LARGE]"),
    ("lineup", "key=lambda index: -(sizes", "key=lambda index: (sizes"),
    ("lineup", "self._busy.get(host, 0) < self._places(host)", "self._busy.get(host, 0) <= self._places(host)"),
    ("lineup", "if busy < self._places(host):", "if busy <= self._places(host):"),
    ("lineup", "self._busy[host] = busy + 1", "pass"),
    ("lineup", "self._aside >= self._most", "self._aside > self._most"),
    ("lineup", "self._aside += 1", "pass"),
    ("lineup", "if size is None or size < LARGE:", "if size is None or size <= LARGE:"),
    ("lineup", "if size is None or size < LARGE:", "if True:"),
    ("lineup", "size, counted=True)", "size, counted=False)"),
    ("lineup", "size, counted=False)", "size, counted=True)"),
    ("lineup", "if waiting.heavy:", "if not waiting.others:"),
    ("lineup", "popleft()", "pop()"),
    ("lineup", "self._aside -= counted", "pass"),
    ("lineup", "if not (waiting.heavy or waiting.others):", "if not waiting.others:"),
    ("lineup", "(-size, self._serial, counted, wish)", "(size, self._serial, counted, wish)"),
    ("lineup", "(-size, self._serial, counted, wish)", "(-size, -self._serial, counted, wish)"),
    ("lineup", "return any(self.admits(host) for host in self._waiting)", "return bool(self._waiting)"),
    ("lineup", "del self._busy[host]", "pass"),
    ("redirects", "if target.scheme not in _SCHEMES:", "if False:"),
    ("redirects", "if not self._insecure:", "if False:"),
    ("redirects", "if any(_same(target, url) for url in passed):", "if False:"),
    ("redirects", "if len(passed) > self._limit:", "if len(passed) > self._limit + 1:"),
    ("redirects", "if len(passed) > self._limit:", "if len(passed) >= self._limit:"),
    ("redirects", "self.strayed = self.strayed or target", "self.strayed = target"),
    ("redirects", "target.origin != self._start.origin", "target.host != self._start.host"),
    ("redirects", "self.downgraded = True", "pass"),
    ("redirects", "if not self.strayed:", "if True:"),
    ("redirects", "name.lower() in _HARMLESS", "name in _HARMLESS"),
    ("redirects", "name.lower() in _HARMLESS", "True"),
    ("redirects", "None if self.strayed else self._start", "self._start"),
    ("redirects", ".without_userinfo()", ""),
    ("redirects", "except (InvalidUrl, ValueError) as error:", "except ZeroDivisionError as error:"),
    ("resume", "if body.size != size or", "if"),
    ("resume", "if body.size != size or body.answer is not Answer.PARTIAL:", "if body.size != size:"),
    ("resume", "body, provable=provable) == offset", "body, provable=True) == offset"),
    ("coverage", "if end <= start:", "if end < start:"),
    ("coverage", "if end <= start:", "if False:"),
    ("coverage", "if start <= self.front:", "if start < self.front:"),
    ("coverage", "self.front = max(self.front, end)", "self.front = end"),
    ("coverage", "islands[0][0] <= self.front:", "islands[0][0] < self.front:"),
    ("coverage", "max(self.front, islands.pop(0)[1])", "islands.pop(0)[1]"),
    (
        "coverage",
        "[island for island in islands if island[1] < start or",
        "[island for island in islands if island[1] <= start or",
    ),
    ("coverage", "if not (island[1] < start or island[0] > end)]", "if not (island[1] < start or island[0] >= end)]"),
    ("coverage", "min(start, first), max(end, last)", "start, max(end, last)"),
    ("coverage", "min(start, first), max(end, last)", "min(start, first), end"),
    ("coverage", "sorted([*apart, (start, end)])", "[*apart, (start, end)]"),
    ("coverage", "self.front + sum(", "sum("),
    ("coverage", "gaps.append((at, min(start, size)))", "gaps.append((at, start))"),
    ("coverage", "            at = end\n", "            at = start\n"),
    ("coverage", "if at < size:", "if True:"),
    ("split", "= sorted(gaps)", "= list(gaps)"),
    ("split", "if stop - reach < SHORTEST:", "if stop - reach <= SHORTEST:"),
    ("split", "if stop - reach < SHORTEST:", "if stop < reach:"),
    ("split", "self._free[0] = (reach, stop)", "self._free[0] = (reach + 1, stop)"),
    ("split", "if not piece.done < at < piece.stop:", "if not piece.start < at < piece.stop:"),
    ("split", "if not piece.done < at < piece.stop:", "if not piece.done < at <= piece.stop:"),
    ("split", "if not piece.done < at < piece.stop:", "if not piece.done <= at < piece.stop:"),
    ("split", "self._put_back(at, piece.stop)", "pass"),
    ("split", "if start == piece.stop:", "if start >= piece.stop:"),
    ("split", "del self._free[number]", "pass"),
    ("split", "if piece.left > 0:", "if True:"),
    ("split", "self._put_back(piece.done, piece.stop)", "self._put_back(piece.start, piece.stop)"),
    ("split", "one.left / rate(one)", "one.left"),
    ("split", "piece.left < 2 * SHORTEST", "piece.left < SHORTEST"),
    ("split", "piece.left / pace < WORTH + 2 * ahead", "piece.left / pace < WORTH"),
    ("split", "piece.left / pace < WORTH + 2 * ahead", "piece.left / pace <= WORTH + 2 * ahead"),
    ("split", "int(piece.left + pace * ahead) // 2", "int(piece.left) // 2"),
    ("split", "max(piece.done + keep, piece.stop - most)", "piece.done + keep"),
    ("split", "if last == start:", "if False:"),
    ("split", "elif first == stop:", "elif False:"),
    ("split", "max(SECONDS, REQUESTS * ahead)", "SECONDS"),
    ("split", "max(SECONDS, REQUESTS * ahead)", "(SECONDS + REQUESTS * ahead)"),
    ("split", "min(LONGEST, int(wanted), free", "min(int(wanted), free"),
    ("split", "free // (2 * connections)", "free // connections"),
    ("split", "int(rate * LEAST_REQUESTS * ahead), ", ""),
    ("widening", "share = was * (lanes - before) / before", "share = was"),
    ("widening", "if self._recent_rate() > was + AT_ONCE * share or", "if self._recent_rate() > was + GAIN * share or"),
    ("widening", "if self._recent_rate() > was + AT_ONCE * share or", "if"),
    (
        "widening",
        "if self._recent_rate() > was + AT_ONCE * share or",
        "if self._recent_rate() >= was + AT_ONCE * share or",
    ),
    ("widening", "self._late_rate() > was + GAIN * share", "self._late_rate() > was"),
    ("widening", "self._late_rate() > was + GAIN * share", "self._late_rate() > was + AT_ONCE * share"),
    ("widening", "self.proven, self._pause = True, REST", "self.proven = True"),
    ("widening", "self.proven, self._pause = True, REST", "self._pause = REST"),
    ("widening", "max(was + share, self._recent_rate())", "self._recent_rate()"),
    ("widening", "        elif self._is_over(now):\n", "        else:\n"),
    ("widening", "self.give_back(now, before, fresh=fresh or", "self.give_back(now, before, fresh="),
    ("widening", "self.give_back(now, before, fresh=fresh or", "self.give_back(now, 1, fresh=fresh or"),
    ("widening", "fresh=fresh or self._guessed)", "fresh=fresh)"),
    ("widening", "            self._guessed = True\n", ""),
    ("widening", "self._before, self._guessed = None, False", "self._before = None"),
    ("widening", "if lanes <= before:", "if lanes < before:"),
    ("widening", "lanes < self._most and", ""),
    ("widening", "and now >= self._rested", ""),
    ("widening", "left > WORTH * rate:", "True:"),
    ("widening", "min(self._most, 2 * lanes)", "2 * lanes"),
    ("widening", "min(self._most, 2 * lanes)", "min(self._most, lanes + 1)"),
    ("widening", "if not fresh:", "if True:"),
    ("widening", "self._pause *= 2", "pass"),
    ("widening", "self._rested = now + self._pause", "self._rested = self._pause"),
    ("widening", "            self._marks.clear()\n", ""),
    ("widening", "if not lanes:", "if False:"),
    ("widening", "now - self._marks[-1][0] < WINDOW:", "False:"),
    ("widening", ">= PATIENCE", ">= 0"),
    ("widening", ">= PATIENCE", ">= 2 * PATIENCE"),
    ("widening", "_rate(self._marks[len(self._marks) // 2 - 1 :])", "_rate(self._marks)"),
    ("widening", "if len(marks) < 3:", "if len(marks) < 2:"),
    ("widening", "<= STEADY * _rate(marks[-3:-1])", "<= 100 * _rate(marks[-3:-1])"),
    ("widening", " or self._is_over(marks[-1][0])", ""),
]


def _load(name, old=None, new=None):
    """Load a policy module from its source, with one change."""
    real = importlib.import_module(f"asyncfetch._policy.{name}")
    with open(real.__file__, encoding="utf-8") as file:
        source = file.read()
    if old is not None:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times in {name}.py"
        source = source.replace(old, new)
    module = ModuleType(f"asyncfetch._policy.{name}_mutant")
    module.__package__ = "asyncfetch._policy"
    sys.modules[module.__name__] = module  # dataclasses look there
    try:
        exec(compile(source, f"{name}.py", "exec"), vars(module))
    finally:
        del sys.modules[module.__name__]
    return module


@pytest.mark.parametrize("name", _CHECKS)
def test_the_unchanged_module_passes(name):
    _CHECKS[name](_load(name))


@pytest.mark.parametrize(("name", "old", "new"), _MUTATIONS)
def test_the_mutant_is_caught(name, old, new):
    mutant = _load(name, old, new)
    with pytest.raises(Exception):  # noqa: B017 - an assertion of ours, or the mutant stumbles over itself
        _CHECKS[name](mutant)


def test_every_decision_is_mutated():
    assert {name for name, _, _ in _MUTATIONS} == set(_CHECKS)
    assert len(_MUTATIONS) == len(set(_MUTATIONS)) >= 15
