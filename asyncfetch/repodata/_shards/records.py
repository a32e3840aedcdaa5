"""Records: what one subdir of one channel has of the packages asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..._model.errors import FetchError
    from ..._model.url import Url
    from .._outcome import Status


@dataclass(frozen=True, slots=True)
class Records:
    """The records of the packages asked for, and of all they can depend on, in one subdir of one channel.

    ``status`` is about the index: FETCHED, UNCHANGED (the source was asked), FRESH (it was not), ABSENT (there are no
    shards here: take the whole repodata), FAILED (``error`` says why, and nothing is given; unless ``stale``, when the
    records are those of the index that was held). ``packages`` and ``packages_conda`` map file names to records as a
    repodata.json has them. ``base_url`` is the folder of the packages (CEP 15), with whatever secrets its URL has;
    ``bytes_transferred`` counts the bytes of index and shards that crossed the wire.
    """

    channel: str
    subdir: str
    status: Status
    error: FetchError | None = None
    bytes_transferred: int = 0
    stale: bool = False
    base_url: Url | None = None
    info: dict[str, Any] = field(default_factory=dict, repr=False)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    packages_conda: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    @property
    def repodata(self) -> dict[str, Any]:
        """What a repodata.json of these records holds; of version 2 where it says where the packages are (CEP 15)."""
        info = {name: self.info[name] for name in ("subdir", "base_url") if self.info.get(name)}
        return {
            "info": {"subdir": self.subdir, **info},
            "packages": self.packages,
            "packages.conda": self.packages_conda,
            "removed": [],
            "repodata_version": 2 if "base_url" in info else 1,
        }
