"""check_transport: every mutant is caught by the rule that is about it; a far end may be able to do less."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from asyncfetch import UnsupportedScheme
from asyncfetch.testing import IgnoreRange, MemoryFarEnd, MemoryTransport, _body_rules, check_transport, checks

from .wrong_transports import WRONG_TRANSPORTS, NeverFlushes

pytestmark = pytest.mark.anyio


def transports(kind, far_end_kind=MemoryFarEnd):
    @asynccontextmanager
    async def maker():
        transport = kind()
        yield transport, far_end_kind(transport)

    return maker


@pytest.mark.parametrize(("mutant", "rule"), WRONG_TRANSPORTS, ids=lambda value: getattr(value, "__name__", value))
async def test_a_wrong_transport_is_caught_by_the_rule_about_it(mutant, rule):
    with pytest.raises(AssertionError) as caught:
        await check_transport(transports(mutant))
    assert str(caught.value).startswith(f"{rule}: ")


async def test_a_transport_that_hangs_is_caught(monkeypatch):
    monkeypatch.setattr(checks, "_PATIENCE", 0.05)
    transport = NeverFlushes()
    with pytest.raises(AssertionError, match="flushing: it did not end within"):
        await checks._hold(_body_rules.flushing, (transport, MemoryFarEnd(transport)))


async def test_a_far_end_may_be_able_to_do_less():
    class Poor(MemoryFarEnd):
        ranges = validators = listing = False

        def publish(self, name, data):
            return self.transport.publish(f"/{name}", data, etag=None, last_modified=None, always=[IgnoreRange()]).url

        def publish_stalling(self, name, data, at):
            return None

        publish_cut = publish_stalling

    class Unlisted(MemoryTransport):
        @asynccontextmanager
        async def open(self, request):
            async with super().open(request) as body:
                body.validator, body.size = None, None
                yield body

        async def list(self, url):
            raise UnsupportedScheme("no listing", url=url)
            yield

    await check_transport(transports(Unlisted, Poor))
    with pytest.raises(AssertionError, match="listing"):
        await check_transport(transports(MemoryTransport, Poor))
