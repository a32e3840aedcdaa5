"""check_sink: a right sink passes, every mutant is caught by the rule that is about it."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from asyncfetch.testing import check_sink

from .wrong_sinks import WRONG_SINKS, RightSink, Store

pytestmark = pytest.mark.anyio


def sinks(kind, *, keeps=True):
    @asynccontextmanager
    async def maker():
        store = Store(kind)
        store.keeps = keeps
        yield store

    return maker


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_right_sink_passes(keeps):
    await check_sink(sinks(RightSink, keeps=keeps))


@pytest.mark.parametrize(("mutant", "rule"), WRONG_SINKS, ids=lambda value: getattr(value, "__name__", value))
async def test_a_wrong_sink_is_caught_by_the_rule_about_it(mutant, rule):
    with pytest.raises(AssertionError) as caught:
        await check_sink(sinks(mutant))
    assert str(caught.value).split(":")[0] in rule.split("|"), caught.value
