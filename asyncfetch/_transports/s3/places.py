"""Which endpoint, region and keys serve a bucket: settled once a bucket, then remembered.

Rules: what the settings say of a bucket beats what the AWS chain says; keys given by ``auth=`` beat those of the chain.
Whoever comes first asks the chain, who comes meanwhile waits for the answer. Temporary keys are renewed five minutes
before they end, by whoever needs them next; while renewing fails and they still hold, they are used. The region that a
bucket named is kept for the life of the client.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import anyio

from ..._model.errors import AccessDenied, FetchError, MistakeError
from ..._model.url import Url
from .address import in_region, site_of
from .chain import PAUSE, Account, look_up
from .signing import Headers, Keys, Signer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..._model.settings import S3, Settings
    from .address import Site


@dataclass(frozen=True, slots=True)
class Place:
    """Where and as whom a bucket is asked; ``signer`` is None for anonymous."""

    site: Site
    region: str
    signer: Signer | None
    requester_pays: bool
    account: Account

    def dress(self, method: str, path: str, query: str, headers: Headers) -> Headers:
        """Give the headers with what S3 wants besides: the signature, who pays."""
        if self.requester_pays:
            headers.append(("x-amz-request-payer", "requester"))
        if self.signer is not None:
            headers += self.signer.sign(method, self.site.authority, path, query, headers, now=time.time())
        return headers


class Places:
    """The places of the buckets of one client."""

    def __init__(self, settings: Settings, auth: Mapping[str, Any] | None) -> None:
        self._settings = settings
        self._own = [(Url(prefix), value) for prefix, value in (auth or {}).items() if prefix[:5].lower() == "s3://"]
        self._own.sort(key=lambda pair: -len(pair[0].path))
        self._accounts: dict[tuple[Any, ...], Account] = {}
        self._regions: dict[str, str] = {}
        self._places: dict[tuple[str, Keys | None], Place] = {}
        self._lock = anyio.Lock()

    async def of(self, url: Url) -> Place:
        """Give the place of the bucket of an s3 URL."""
        own = self._keys_for(url) if self._own else None
        place = self._places.get((url.host, own))
        if place is not None and not place.account.is_stale():
            return place
        async with self._lock:
            place = self._places.get((url.host, own))
            if place is None or place.account.is_stale():
                place = self._places[url.host, own] = await self._settle(url.host, own)
        return place

    def moved(self, bucket: str, region: str) -> None:
        """Remember the region that a bucket named itself."""
        self._regions[bucket] = region
        self._forget(lambda name, _: name == bucket)

    def expired(self, place: Place) -> None:
        """Forget keys that S3 says are over; the chain is asked anew."""
        for wanted, account in list(self._accounts.items()):
            if account is place.account:
                del self._accounts[wanted]
        self._forget(lambda _, one: one.account is place.account)

    def _forget(self, which: Any) -> None:
        for key, place in list(self._places.items()):
            if which(key[0], place):
                del self._places[key]

    def _keys_for(self, url: Url) -> Keys | None:
        for prefix, value in self._own:
            if prefix.host == url.host and (f"{url.path}/").startswith(f"{prefix.path.rstrip('/')}/"):
                return _keys_of(value, prefix)
        return None

    async def _settle(self, bucket: str, own: Keys | None) -> Place:
        wanted = self._settings.s3.for_bucket(bucket)
        anonymous = wanted.anonymous is True and own is None
        names = (wanted.endpoint_url, wanted.region, wanted.profile, wanted.addressing_style, anonymous, own is None)
        account = self._accounts.get(names)
        if account is None:
            account = await look_up(wanted, unsigned=anonymous or own is not None, settings=self._settings)
        elif account.is_stale():
            account = await self._renewed(account, wanted)
        self._accounts[names] = account
        keys = own or account.keys
        if keys is None and wanted.anonymous is False:
            raise AccessDenied(
                "no AWS credentials were found, and it is not to be asked anonymously",
                hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
            )
        region = self._regions.get(bucket, account.region)
        endpoint = account.endpoint if region == account.region else in_region(account.endpoint, region)
        return Place(
            site_of(bucket, endpoint, account.style),
            region,
            None if keys is None else Signer(keys, region),
            wanted.requester_pays is True,
            account,
        )

    async def _renewed(self, account: Account, wanted: S3) -> Account:
        try:
            return await look_up(wanted, unsigned=False, settings=self._settings)
        except FetchError:
            if account.is_over():
                raise
            return replace(account, check_after=time.monotonic() + PAUSE)


def _keys_of(value: Any, prefix: Url) -> Keys:
    if isinstance(value, tuple) and len(value) in (2, 3) and all(isinstance(part, str) for part in value):
        return Keys(*value)
    raise MistakeError(
        "auth= for s3 is (access key, secret key) or (access key, secret key, session token)", url=prefix
    )
