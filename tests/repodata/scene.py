"""A channel on a loopback server, and the cache folder read as conda reads it."""

import contextlib
import hashlib
import json
import os
import re
import time

import zstandard

from asyncfetch import Client, Limits, Retry, Settings
from asyncfetch.repodata import prefetch
from asyncfetch.testing import ExtraHeaders

AGE = ExtraHeaders((("Cache-Control", "public, max-age=1200"),))


def repodata(subdir="noarch", count=200, **more):
    """The bytes of a small repodata.json."""
    packages = {f"p{number}-1-0.conda": {"name": f"p{number}", "version": "1"} for number in range(count)}
    return json.dumps({"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages, **more}).encode()


def compressed(data, **more):
    return zstandard.ZstdCompressor(**more).compress(data)


class Served:
    """A channel: its subdirs as resources of an HttpServer, by subdir and file name."""

    def __init__(self, server, name="/channel"):
        self.server = server
        self.url = server.url(name)
        self.name = name
        self.files = {}

    def publish(self, subdir, data=None, *, forms=("zst", "json"), always=(AGE,), **more):
        data = repodata(subdir) if data is None else data
        for form in forms:
            body = compressed(data) if form == "zst" else data
            path = "repodata.json.zst" if form == "zst" else "repodata.json"
            self.files[subdir, form] = self.server.serve(f"{self.name}/{subdir}/{path}", body, always=always, **more)
        return data

    def change(self, subdir, data):
        for (name, form), resource in self.files.items():
            if name == subdir:
                resource.change(compressed(data) if form == "zst" else data)

    @property
    def asked(self):
        """What was asked, without the name of the channel."""
        return [request.path.removeprefix(self.name) for request in self.server.requests]

    def forget(self):
        self.server.requests.clear()


@contextlib.asynccontextmanager
async def a_client(**more):
    limits = more.pop("limits", Limits())
    settings = {"retry": Retry(attempts=1), "limits": limits, "trust_env": False, **more.pop("settings", {})}
    async with Client(settings=Settings(**settings), **more) as client:
        yield client


async def refresh(channel, subdirs, folder, *, client=None, **more):
    """prefetch with a client that does not try again."""
    if client is not None:
        return await prefetch([channel], subdirs, folder, client=client, **more)
    async with a_client() as client:
        return await prefetch([channel], subdirs, folder, client=client, **more)


def key(url, file_name="repodata.json"):
    """The name that conda gives a cached file, as the facts have it."""
    text = url.rstrip("/") + "/" + ("" if file_name == "repodata.json" else file_name)
    return hashlib.md5(text.encode()).hexdigest()[:8]


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return os.stat(path)


def info(path):
    return path.removesuffix(".json") + ".info.json"


def state_of(path):
    return json.loads(contents(info(path)))


def age(path, **changes):
    """Change the state of a cached file as time does."""
    put(info(path), json.dumps({**state_of(path), **changes}).encode())


def read(outcome):
    return contents(outcome.path)


def conda_asks(url, folder, ttl=1, now_ns=None):
    """What conda would do with the cache: None when it takes the file as it is, else the headers it would ask with."""
    path = os.path.join(folder, f"{key(url)}.json")
    try:
        state = state_of(path)
        about = os.stat(path)
    except (FileNotFoundError, ValueError):
        return {}
    if (state.get("mtime_ns"), state.get("size")) != (about.st_mtime_ns, about.st_size):
        return {}
    found = re.search(r"max-age=(\d+)", state.get("cache_control") or "")
    age = {0: 0, 1: int(found[1]) if found else 0}.get(ttl, ttl)
    if (now_ns or time.time_ns()) - state.get("refresh_ns", 0) <= age * 10**9:
        return None
    headers = {"If-None-Match": state.get("etag"), "If-Modified-Since": state.get("mod")}
    return {name: value for name, value in headers.items() if value}


def is_valid(folder, versions):
    """Every file of the cache is one of these bodies, and what its state says of it, if anything, is true."""
    for name in os.listdir(folder):
        if not re.fullmatch(r"[0-9a-f]{8}\.json", name):
            continue
        path = os.path.join(folder, name)
        data = contents(path)
        assert data in versions, f"{name} is none of the versions: {len(data)} bytes"
        text = contents(info(path)) if os.path.exists(info(path)) else b""
        if not text:  # whoever was killed had only just locked it
            continue
        state, about = json.loads(text), os.stat(path)
        if (state.get("mtime_ns"), state.get("size")) == (about.st_mtime_ns, about.st_size):
            assert state["blake2_256"] == hashlib.blake2b(data, digest_size=32).hexdigest()
    return True
