"""The transport of scheme ``memory`` as a plugin's author would have it tortured; made anew in every process."""

from functools import cache

from asyncfetch.testing import MemoryTransport, Pattern
from asyncfetch.testing.torture import WISHES


@cache
def body(size):
    return Pattern(size, seed=11).read()


def filled(far):
    for wish in WISHES:
        far.publish(f"/torture/{wish.name}", body(wish.size))
    return far


def transports():
    return {"memory": filled(MemoryTransport())}
