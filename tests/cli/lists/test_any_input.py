"""Whatever a list holds: wishes that stay below the directory, or mistakes that name a line; never anything else."""

import io
from collections import Counter

from hypothesis import given, settings, strategies as st

from asyncfetch import Fetch
from asyncfetch.cli.lists import ListMistake, read

from ...thorough import times
from .test_conda import EXPLICIT, LOCK
from .test_metalink import EXAMPLE
from .test_pylock import HEAD, package, wheel

PYLOCK = HEAD + package(f"wheels = [{wheel('a-1-py3-none-any.whl')}]") + package(f"sdist = {wheel('b.tgz')}", "b")
ARIA2 = "http://a/f\thttp://b/f\n  out=g\n  dir=d\n  header=A: b\n# c\nhttp://c/h\n"
SEEDS = [EXPLICIT, LOCK, EXAMPLE, PYLOCK, ARIA2]
PIECES = st.sampled_from([
    "\n", "  ", "\t", "out=", "dir=", "../", "/", "\\", "C:", "\0", "#", "@EXPLICIT\n", "version: 1\n", "package:\n",
    "- ", "url: ", "hash: ", "[[packages]]\n", "name = ", '"', "'", "{", "}", "[", "]", "<", ">", "&", "<file name='",
    "<url>", "</url>", "</file>", "<!DOCTYPE a>", "http://h/", "s3://b/", "sha256:", "ab" * 32, "=", ":", "\ufeff", "é",
    "\u202e", "&x", "*x", "!!x ", "%", "priority='-1'", "9" * 30,
])  # fmt: skip


@st.composite
def damaged(draw):
    """A good list with a few pieces cut out and others put in."""
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        text = text[:start] + draw(PIECES | st.text(max_size=5)) + text[end:]
    return text.encode("utf-8", "replace")


junk = st.binary(max_size=200) | st.lists(PIECES, max_size=30).map(lambda some: "".join(some).encode())


def check(raw: bytes) -> Counter:
    seen = Counter()
    lines = raw.count(b"\n") + 1
    for entry in read(io.BytesIO(raw), "any", platform="linux-64"):
        if isinstance(entry, ListMistake):
            assert entry.line is None or 1 <= entry.line <= lines + 1
            assert "`any`" in str(entry)
            seen["mistakes"] += 1
            seen["mistakes with a line"] += entry.line is not None
        else:
            assert isinstance(entry, Fetch)
            if entry.to is not None:
                parts = entry.to.split("/")
                assert parts[0]
                assert not {"..", "."} & set(parts)
                assert not set("\0\\") & set(entry.to)
                seen["named"] += 1
            seen["wishes"] += 1
    return seen


def play(what, examples: int) -> Counter:
    total = Counter()

    @settings(max_examples=examples, deadline=None, database=None, derandomize=True)
    @given(what)
    def once(raw):
        total.update(check(raw))

    once()
    return total


def test_a_damaged_list_gives_wishes_or_mistakes():
    total = play(damaged(), times(300, 3_000))
    # not vacuous: both outcomes, many times, and nearly every mistake knows its line
    assert total["wishes"] > 75
    assert total["named"] > 12
    assert total["mistakes"] > 50
    assert total["mistakes with a line"] > 0.8 * total["mistakes"]


def test_junk_gives_wishes_or_mistakes():
    assert play(junk, 300)["mistakes"] > 100
