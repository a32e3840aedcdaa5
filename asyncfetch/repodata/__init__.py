"""Conda repodata, kept fresh on disk in the form that conda itself reads: many channels x subdirs at a time.

>>> from asyncfetch import repodata
>>> async def main():
...     for outcome in await repodata.prefetch(["conda-forge"], ["linux-64", "noarch"], "pkgs/cache"):
...         print(outcome.subdir, outcome.status, outcome.path)

Where a channel is sharded (CEP 16), `shards` fetches the records of some packages and of what they depend on, alone.
The blocking forms are ``asyncfetch.sync.prefetch`` and ``asyncfetch.sync.shards``. The extra ``asyncfetch[repodata]``
has what zst, JLAP and shards take.
"""

from __future__ import annotations

from ._channels import Channel as Channel
from ._outcome import Outcome as Outcome, Status as Status
from ._prefetch import prefetch as prefetch
from ._shards import Records as Records, shards as shards

__all__ = ["Channel", "Outcome", "Records", "Status", "prefetch", "shards"]
