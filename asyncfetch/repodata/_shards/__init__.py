"""Sharded repodata (CEP 16): the records of some packages and of all they can depend on, and of nothing else."""

from __future__ import annotations

from .records import Records as Records
from .shards import shards as shards

__all__ = ["Records", "shards"]
