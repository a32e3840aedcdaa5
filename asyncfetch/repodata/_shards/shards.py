"""shards: the records of some packages, and of all they can depend on, from many channels x subdirs."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..._model.errors import MistakeError
from .._arguments import each, places, seconds
from .._channels import ALIAS, Channel, folder_for
from .._terms import Terms
from .._tokens import given
from .forms import INDEX_LIMIT, names_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from ..._client import Client
    from ..._model.url import Url
    from .records import Records


async def shards(
    names: Iterable[str],
    channels: Iterable[str | Url | Channel],
    subdirs: Iterable[str],
    cache_dir: str | os.PathLike[str],
    *,
    client: Client | None = None,
    unverified: Iterable[str | Url | Channel] = (),
    ttl: float | None = None,
    offline: bool = False,
    stale: bool = False,
    alias: str | Url = ALIAS,
    tokens: Mapping[str, str] | None = None,
) -> list[Records]:
    """Give the records of packages, and of all they can depend on, from the shards of channels x subdirs (CEP 16).

    ``names`` are package names or dependency specs; every record of a name counts, whatever its version. The other
    arguments are those of `prefetch`; the index of each subdir and the shards are kept in ``cache_dir``. A shard whose
    sha256 is not the one its index names fails its subdir, unless its channel is among ``unverified`` (for proxies that
    serve other bytes). `Records` come in the order of channels, then subdirs; one that fails ends no other.

    Raises InvalidUrl and MistakeError for arguments that make no sense, before anything is done.

    >>> async def main():
    ...     for records in await shards(["python >=3.12"], ["conda-forge"], ["linux-64", "noarch"], "pkgs/cache"):
    ...         print(records.subdir, records.status, len(records.packages_conda))
    """
    if any(find_spec(name) is None for name in ("msgpack", "zstandard")):
        raise MistakeError("shards take the packages msgpack and zstandard", hint="pip install 'asyncfetch[repodata]'")
    from .run import Run  # it loads SQLite, which who prefetches does not need

    offline = offline or (client is not None and client.settings.offline)
    terms = Terms(("shards",), seconds(ttl), INDEX_LIMIT, stale, offline, time.time_ns())
    sites = given(tokens)
    wanted = places([Channel.of(one) for one in each(channels)], subdirs, alias, sites)
    trusted = {Channel.of(one).name for one in each(unverified)}
    run = Run(names_of(each(names)), wanted, folder_for(cache_dir), terms, tokens=sites, unverified=trusted)
    await run.run(client)
    return [run.records(one) for one in wanted]
