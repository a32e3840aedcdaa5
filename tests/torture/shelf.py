"""A transport of somebody else's that calls the operating system, and one that lets its errors through."""

import os
import sys
from contextlib import asynccontextmanager

from asyncfetch import SourceError
from asyncfetch.testing import MemoryTransport

from .memory import filled


class Shelf(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        try:
            os.stat(__file__)
        except OSError as error:
            raise SourceError("the shelf is gone", url=request.url) from error
        async with super().open(request) as body:
            yield body


class Careless(MemoryTransport):
    @asynccontextmanager
    async def open(self, request):
        os.stat(__file__)
        async with super().open(request) as body:
            yield body


def transports():
    return {"memory": filled(Shelf())}


def careless():
    return {"memory": filled(Careless())}


def at_home():
    """Made in the process of the test only."""
    if "pytest" not in sys.modules:
        raise OSError("it cannot be made here")
    return transports()
