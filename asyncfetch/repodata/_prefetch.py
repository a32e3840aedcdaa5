"""prefetch: many channels x subdirs, each fresh on disk, as conda reads it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from anyio import to_thread

from .._model.errors import MistakeError
from ._arguments import each, places, seconds
from ._channels import ALIAS, Channel, folder_for
from ._refresh import FILES
from ._run import Run
from ._terms import Terms
from ._tokens import given

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from .._client import Client
    from .._model.url import Url
    from ._outcome import Outcome

log = logging.getLogger("asyncfetch")
LIMIT = 4 * 1024**3  # bytes of json; the largest channel has a tenth of it


async def prefetch(
    channels: Iterable[str | Url | Channel],
    subdirs: Iterable[str],
    cache_dir: str | os.PathLike[str],
    *,
    client: Client | None = None,
    formats: Sequence[str] = ("zst", "json"),
    ttl: float | None = None,
    offline: bool = False,
    stale: bool = False,
    alias: str | Url = ALIAS,
    tokens: Mapping[str, str] | None = None,
    limit: int = LIMIT,
) -> list[Outcome]:
    """Keep the repodata of channels x subdirs fresh in a cache folder of conda's layout (``pkgs/cache``).

    ``channels`` are URLs of any scheme, paths, names under ``alias``, or `Channel` where there are mirrors. Outcomes
    come in the order of channels, then subdirs; one that fails ends no other. ``formats`` are asked for in their order;
    with "jlap" among them, patches of what is held come first. ``ttl`` means what conda's ``local_repodata_ttl`` does:
    None or 1 is the source's own max-age, 0 asks always, any other number is seconds. ``offline`` asks no network and
    gives what is held; ``stale=True`` gives it when a source fails, too. ``tokens`` maps sites to tokens for
    ``/t/TOKEN/``, beside those that anaconda-client keeps. ``limit`` in bytes bounds the json.

    Without ``client`` one is made, if anybody has to be asked at all; the observer of one that is given hears of each
    subdir as of a fetch.

    Raises InvalidUrl and MistakeError for arguments that make no sense, before anything is done.
    """
    offline = offline or (client is not None and client.settings.offline)
    terms = Terms(_known(formats), seconds(ttl), limit, stale, offline, time.time_ns())
    folder = folder_for(cache_dir)
    wanted = places([Channel.of(one) for one in each(channels)], subdirs, alias, given(tokens))
    run = Run({one.key: one for one in wanted}, folder, terms)
    await to_thread.run_sync(run.look)
    if run.waiting:
        await run.refresh(client)
    return [replace(run.outcomes[one.key], channel=one.channel) for one in wanted]


def _known(formats: Sequence[str]) -> tuple[str, ...]:
    known = tuple(dict.fromkeys(each(formats)))
    if not known or not set(known) <= {*FILES, "jlap"} or known == ("jlap",):
        raise MistakeError(f"formats are some of {', '.join((*FILES, 'jlap'))}, not {formats!r}")
    for form, package in (("zst", "zstandard"), ("jlap", "jsonpatch")):
        if form in known and find_spec(package) is None:
            log.warning("there is no %s without %s: pip install 'asyncfetch[repodata]'", form, package)
            known = tuple(one for one in known if one != form)
    if not set(known) & FILES.keys():
        raise MistakeError("zst takes zstandard", hint="pip install 'asyncfetch[repodata]'")
    return known
