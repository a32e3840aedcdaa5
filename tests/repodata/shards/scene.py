"""Two subdirs that depend on one another, and what asks for their records."""

from asyncfetch.repodata._shards import shards

LINUX = {
    "app": ["lib >=1", "python", "__glibc >=2.17"],
    "lib": ["base", "tool"],
    "tool": ["app"],  # a circle
    "python": ["base"],
    "base": [],
    "other": ["app"],
}
NOARCH = {"base": ["data"], "data": ["python"], "unused": []}
CLOSURE = {"app", "lib", "tool", "python", "base", "data"}


def serve(server, channel, path="/c", folder="", **more):
    """Serve one subdir; the resources by file name."""
    place = f"{path}/{channel.subdir}/"
    return {name: server.serve(place + name, data, **more) for name, data in channel.files(folder).items()}


def of(channel, name):
    return channel.served[f"{channel.hashes[name].hex()}.msgpack.zst"]


def check(records, channel, names=CLOSURE):
    assert records.error is None
    assert (records.packages, records.packages_conda) == channel.only(*names)


async def get(server, folder, *, names=("app",), channels=None, subdirs=("linux-64", "noarch"), **more):
    return await shards(names, channels or [server.url("/c")], subdirs, folder, **more)
