"""The state beside a cached repodata.json: no disk, and no clock but that of `learn_now`.

Rules, which are conda's (``conda.gateways.repodata``): names with an underscore are those of older versions and still
read; ``mod``, ``etag``, ``cache_control`` and ``url`` are strings or nothing; the validators mean nothing unless
``size`` and ``mtime_ns`` are those of the file. What cannot be read counts as not said. Keys unknown to us are kept.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from .._model.exchange import Validator

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALIASES = {"_mod": "mod", "_etag": "etag", "_cache_control": "cache_control", "_url": "url"}
_TEXTS = frozenset({"mod", "etag", "cache_control", "url"})
_HASHES = ("blake2_256", "blake2_256_nominal")  # of the bytes on disk, and of the source's
_RECHECKED = timedelta(days=7)  # after so long a format that was not there is looked for again
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,12})", re.IGNORECASE)
_NOT_WITHOUT_ASKING = re.compile(r"(?:^|[\s,])no-(?:cache|store)\s*(?:,|$)", re.IGNORECASE)
EMPTY = b"{}"  # what conda caches for a subdir that a channel does not have
_SECOND = 10**9  # in ns
_SKEW = 60 * _SECOND  # a check that lies further in the future than this was made by a wrong clock
_OURS = "asyncfetch"  # the key under which we keep the whole validator; conda has tag and date alone
_OUTDATED = "outdated"  # within it: tag and date that were those of an earlier file
_MIRROR = "mirror"  # within it: the folder, where that was not the channel's own


class Facts(NamedTuple):
    """What stat says of the file: its size in bytes, and its time in ns."""

    size: int
    mtime_ns: int


class State:
    """What is known of one cached file."""

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        """Take what a state file held, in any version, or anything else for nothing known."""
        self.data: dict[str, Any] = {}
        if data:
            for said, value in data.items():
                name = _ALIASES.get(said, said)  # the name it has today
                if name not in _TEXTS or isinstance(value, str):
                    self.data.setdefault(name, value)

    @classmethod
    def parse(cls, text: bytes) -> State | None:
        """Read a state file; None for one that is broken."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return cls(data) if isinstance(data, dict) else None

    def render(self) -> bytes:
        """Give the text of the state file."""
        return json.dumps(self.data, indent=2).encode()

    # --- what is held

    def describes(self, facts: Facts | None) -> bool:
        """Tell whether it is about this very file."""
        if facts is None:
            return False
        return (self._count("size"), self._count("mtime_ns")) == facts

    def stands_in(self, facts: Facts | None) -> bool:
        """Tell whether the file is the empty one that conda has for a subdir that is not there."""
        return facts is not None and facts.size == len(EMPTY) and not self.text("blake2_256")

    def checked_since(self, ns: int) -> bool:
        """Tell whether somebody asked the source after a moment, in ns since 1970."""
        return (self._count("refresh_ns") or 0) >= ns

    def is_fresh(self, now_ns: int, ttl: float | None) -> bool:
        """Tell whether the source need not be asked; ``ttl`` in seconds, None or 1 is the source's own ``max-age``.

        That is RFC 9111 section 4.2.1 without ``Expires`` and heuristics, as conda has it; ``no-cache`` and
        ``no-store`` (section 5.2.2) mean that it is asked always.
        """
        age, lifetime = now_ns - (self._count("refresh_ns") or 0), self._lifetime(ttl)
        return lifetime > 0 and -_SKEW <= age <= lifetime * _SECOND

    def _lifetime(self, ttl: float | None) -> float:
        if ttl is not None and ttl != 1:
            return ttl
        said = self.text("cache_control")
        if _NOT_WITHOUT_ASKING.search(said):
            return 0
        found = _MAX_AGE.search(said)
        return int(found[1]) if found else 0

    def validator(self, source: str) -> Validator | None:
        """Give what to ask ``source``, a file's URL, conditionally with; None when nothing is known.

        What came from a mirror says nothing to others: a date of its own may be later than their newest file.
        """
        etag, modified = self.text("etag") or None, self.text("mod") or None
        ours = self.data.get(_OURS)
        if (etag is None and modified is None) or ours == {_OUTDATED: [etag, modified]}:
            return None
        whole = Validator.from_json(ours)
        if whole is None or (whole.etag, whole.modified) != (etag, modified):  # somebody else wrote since
            return Validator(source, etag, modified)
        assert isinstance(ours, dict)  # it was read from it
        return whole if ours.get(_MIRROR, _folder(source)) == _folder(source) else None

    # --- formats

    def lacks(self, form: str, now: datetime) -> bool:
        """Tell whether a format (zst, jlap, shards) was not there when it was last looked for, and that was lately."""
        entry = self.data.get(f"has_{form}")
        if not isinstance(entry, dict) or bool(entry.get("value", True)):
            return False
        checked = _moment(entry.get("last_checked"))
        return checked is not None and abs(now - checked) <= _RECHECKED

    def learn(self, form: str, *, present: bool, now: datetime) -> None:
        """Note whether a format is there."""
        checked = now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self.data[f"has_{form}"] = {"last_checked": checked, "value": present}

    def learn_now(self, form: str, *, present: bool) -> None:
        """Note, as of this moment, whether a format is there."""
        self.learn(form, present=present, now=datetime.now(UTC))

    def forget(self, name: str) -> None:
        """Drop a key."""
        self.data.pop(name, None)

    # --- what happened

    def replaced(self, facts: Facts, now_ns: int, *, url: str, blake2: str | None) -> None:
        """Note a new file, made just now; its validator is not known yet.

        ``blake2`` is the hash of its bytes, None for what stands in for a file that is not there.
        """
        self.data.update(
            url=url, mod="", etag="", cache_control="",
            size=facts.size, mtime_ns=facts.mtime_ns, refresh_ns=now_ns,
        )  # fmt: skip
        for name in (*_HASHES, _OURS):
            self.data.pop(name, None)
        if blake2 is not None:
            self.data.update(dict.fromkeys(_HASHES, blake2))

    def validated(self, validator: Validator | None, cache_control: str | None, *, mirror: str | None = None) -> None:
        """Note what the source said that proves the file current later on, and how long it need not be asked.

        ``mirror`` is the URL of the file, masked, where it did not come from the channel's own source.
        """
        self.data["cache_control"] = cache_control or ""
        if validator is not None:
            self.data.update(mod=validator.modified or "", etag=validator.etag or "")
            self.data[_OURS] = validator.to_json() | ({} if mirror is None else {_MIRROR: _folder(mirror)})

    def patched(self, blake2: str) -> None:
        """Note that the file was patched: ``blake2`` is its hash now. The validators stay, as they do with conda.

        They belong to an earlier file, so that we ask no more with them: the source may go back to that one.
        """
        self.data.update(dict.fromkeys(_HASHES, blake2))
        self.data[_OURS] = {_OUTDATED: [self.text("etag") or None, self.text("mod") or None]}

    def checked(self, now_ns: int) -> None:
        """Note that the source says: unchanged. Nothing but the clock moves."""
        self.data["refresh_ns"] = now_ns

    # --- single values

    def text(self, name: str) -> str:
        """Give a text, "" when there is none."""
        value = self.data.get(name)
        return value if isinstance(value, str) else ""

    def _count(self, name: str) -> int | None:
        value = self.data.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def mapping(self) -> Mapping[str, Any]:
        """Everything, as the file has it."""
        return self.data


def _folder(url: str) -> str:
    return url.rpartition("/")[0]


def _moment(text: object) -> datetime | None:
    """Read the time of a check (RFC 3339); without a zone it is UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
