"""The rules find a module that is wrong by one word: each mutation below must break one of them.

A mutant that lives is a rule nobody checks. The text to be changed must occur once: whoever rewrites a decision
rewrites its mutations.
"""

import importlib
import sys
from types import ModuleType

import hypothesis
import pytest

from tests.policy.rules import attempts, names, pacing, redirects, resume

# without shrinking: that it fails is all we want to know
_PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)

_CHECKS = {
    "attempts": lambda module: attempts.check(module, examples=200, phases=_PHASES),
    "names": lambda module: names.check(module, examples=200, phases=_PHASES),
    "pacing": lambda module: pacing.check(module, examples=100, phases=_PHASES),
    "redirects": lambda module: redirects.check(module, examples=300, phases=_PHASES),
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
