"""The transport of scheme ``memory`` as a plugin's author would have it tortured; made anew in every process."""

from asyncfetch.testing import MemoryTransport, Pattern
from asyncfetch.testing.torture import WISHES


def transports():
    far = MemoryTransport()
    for wish in WISHES:
        far.publish(f"/torture/{wish.name}", Pattern(wish.size, seed=11).read())
    return {"memory": far}
