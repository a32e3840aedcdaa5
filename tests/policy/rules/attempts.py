"""What must hold of retry and mirrors, whatever fails in whatever order."""

from collections import Counter

import hypothesis
from hypothesis import strategies as st

from asyncfetch import Retry, Verdict

_RETRIES = st.builds(
    Retry,
    attempts=st.integers(1, 4),
    backoff=st.sampled_from([0, 0.5, 1, 40]),
    backoff_max=st.sampled_from([0, 1, 30]),
    retry_after_max=st.sampled_from([0, 2, 300]),
)
_EVENTS = st.tuples(
    st.sampled_from(["retry"] * 5 + ["next", "digest", "postpone", "abort"]),
    st.booleans(),
    st.sampled_from([None, None, 0, -1, 1, 7, 1000]),
    st.sampled_from([0, 0, 0.25, 5]),
)
_CHANCES = st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=1, max_size=4)


def check(module, *, examples=300, phases=tuple(hypothesis.Phase)):
    """Play failures of all kinds against the queue, beside a model that knows the rules only."""
    seen = Counter()

    @hypothesis.settings(max_examples=examples, phases=phases)
    @hypothesis.given(st.integers(1, 4), _RETRIES, _CHANCES, st.lists(_EVENTS, min_size=1, max_size=40), st.booleans())
    def play(sources, retry, chances, events, progress):
        first = _Play(module, sources, retry, chances, seen).run(events, progress)
        assert first == _Play(module, sources, retry, chances, Counter()).run(events, progress)  # chance is an argument

    play()
    _check_many_tries(module)
    _check_turns(module)
    return seen


def _check_many_tries(module):
    # 2.0 ** 1100 is more than a float holds
    attempts = module.Attempts(1, Retry(attempts=1200, backoff_max=3), lambda: 1.0)
    steps = [attempts.failed(0, Verdict.RETRY, 0.0) for _ in range(1200)]
    assert steps[-2].pause == 3
    assert steps[-1] is None


def _check_turns(module):
    # what is ready at this very moment is ready: two that need no pause take turns
    attempts = module.Attempts(2, Retry(attempts=9, backoff=0), lambda: 1.0)
    source, turns = 0, []
    for _ in range(6):
        step = attempts.failed(source, Verdict.RETRY, 5.0)
        turns.append(source := step.source)
    assert turns == [1, 0, 1, 0, 1, 0]


class _Play:
    def __init__(self, module, sources, retry, chances, seen):
        self.retry, self.chances, self.seen = retry, chances, seen
        self.drawn = 0
        self.attempts = module.Attempts(sources, retry, self.chance)
        self.sources = sources
        self.ready_at = dict.fromkeys(range(sources), 0.0)  # of those still in question
        self.fruitless = dict.fromkeys(range(sources), 0)
        self.renewed = set()
        self.now = 100.0
        self.barren = 0  # attempts since the last progress

    def chance(self):
        self.drawn += 1
        return self.chances[(self.drawn - 1) % len(self.chances)]

    def run(self, events, progress):
        step = self.attempts.first()
        assert (step.source, step.pause) == (0, 0.0)
        steps = [step]
        for kind, progressed, retry_after, elapsed in events:
            self.now += step.pause
            step = self.happen(step.source, kind, progressed and progress, retry_after, elapsed)
            steps.append(step)
            if step is None:
                break
        return steps

    def happen(self, source, kind, progressed, retry_after, elapsed):
        if kind == "postpone":
            self.seen["postponed"] += 1
            self.ready_at[source] = self.now + elapsed + 1
            return self.judge(source, self.attempts.postpone(source, self.now, self.ready_at[source]))
        self.now += elapsed
        self.barren += 1
        if kind == "digest":
            step = self.attempts.afresh(source)
            assert (step is None) == (source in self.renewed)
            self.renewed.add(source)
            if step is not None:
                self.seen["renewed"] += 1
                assert (step.source, step.pause) == (source, 0.0)
                return step
            kind = "next"
        if kind == "abort":
            self.seen["aborted"] += 1
            step = self.attempts.failed(source, Verdict.ABORT, self.now, progressed=progressed, retry_after=retry_after)
            assert step is None
            return None
        if kind == "next":
            del self.ready_at[source]
            self.seen["dropped"] += 1
            step = self.attempts.failed(source, Verdict.NEXT_SOURCE, self.now)
            return self.judge(source, step)
        return self.retried(source, progressed, retry_after)

    def retried(self, source, progressed, retry_after):
        drawn = self.drawn
        step = self.attempts.failed(source, Verdict.RETRY, self.now, progressed=progressed, retry_after=retry_after)
        assert self.drawn == drawn + 1  # one draw a failure
        if progressed:
            self.barren = 1
            self.seen["progressed"] += 1
        tries = self.fruitless[source] = 1 if progressed else self.fruitless[source] + 1
        assert tries <= self.retry.attempts
        if tries == self.retry.attempts:
            del self.ready_at[source]
            self.seen["exhausted"] += 1
        else:
            asked = min(retry_after or 0, self.retry.retry_after_max)
            backoff = min(self.retry.backoff_max, self.retry.backoff * 2 ** (tries - 1))
            pause = max(0, asked, backoff * self.chances[drawn % len(self.chances)])
            assert asked <= pause <= max(0, asked, self.retry.backoff_max)
            self.ready_at[source] = self.now + pause
            self.seen["retry-after decided"] += pause == asked > 0
            self.seen["back-off decided"] += pause > asked
        return self.judge(source, step)

    def judge(self, source, step):
        """Hold the step against what is known of the sources left."""
        if not self.ready_at:
            assert step is None
            self.seen["given up"] += 1
            return None
        assert step is not None
        assert step.source in self.ready_at
        ready = [one for one, at in self.ready_at.items() if at <= self.now]
        if ready:
            assert step.pause == 0.0
            after = [one for one in ready if one > source]
            assert step.source == min(after or ready)
            self.seen["mirror before waiting"] += step.source != source
        else:
            soonest = min(self.ready_at.values())
            assert step.pause == soonest - self.now > 0
            assert step.source == min(one for one, at in self.ready_at.items() if at == soonest)
            self.seen["waited"] += 1
        # nothing goes on for ever without progress
        assert self.barren <= self.sources * self.retry.attempts + self.sources
        return step
