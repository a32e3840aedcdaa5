"""AWS Signature Version 4 for S3 requests without a body, with the derived key kept.

The bytes are those of botocore's ``S3SigV4Auth`` (the tests compare the two over random requests). It is written out
here for its cost: botocore's takes 100 us and a request object, this one 10 us, and a small object takes 50 us in all.

Rules: Host and every ``x-amz-`` header are signed, as AWS demands, and so are the range and the conditions, which
nobody may change on the way. What proxies do change (Accept-Encoding, User-Agent) is not. S3 signs the path as it is
sent: encoded once, not normalised.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Headers = list[tuple[str, str]]

EMPTY_BODY = sha256(b"").hexdigest()
_SIGNED = frozenset({"if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "range"})
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Keys:
    """An access key, its secret, and the session token of temporary ones; only the name of the key is ever shown."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Signer:
    """Signs requests to S3 with one set of keys for one region."""

    def __init__(self, keys: Keys, region: str) -> None:
        self._keys = keys
        self._region = region
        self._day = ""
        self._scope = ""
        self._day_key = b""

    def sign(self, method: str, authority: str, path: str, query: str, headers: Headers, *, now: float) -> Headers:
        """Give the headers to add so that the request is signed.

        ``path`` and ``query`` are percent-encoded as they go over the wire, the query sorted (see `canonical_query`);
        ``now`` is in seconds since 1970.
        """
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        if stamp[:8] != self._day:
            self._begin(stamp[:8])
        added = [("x-amz-content-sha256", EMPTY_BODY), ("x-amz-date", stamp)]
        if self._keys.token is not None:
            added.append(("x-amz-security-token", self._keys.token))
        signed = sorted([("host", authority), *_worth_signing(headers), *added])
        names = ";".join([name for name, _ in signed])
        lines = "".join([f"{name}:{value}\n" for name, value in signed])
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{EMPTY_BODY}"
        text = f"{_ALGORITHM}\n{stamp}\n{self._scope}\n{sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._day_key, text.encode(), "sha256").hex()
        credential = f"{self._keys.access_key}/{self._scope}"
        value = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        added.append(("authorization", value))
        return added

    def _begin(self, day: str) -> None:
        """Derive the key of a day."""
        key = f"AWS4{self._keys.secret_key}".encode()
        for part in (day, self._region, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._day, self._day_key, self._scope = day, key, f"{day}/{self._region}/s3/aws4_request"


def _worth_signing(headers: Headers) -> Iterable[tuple[str, str]]:
    return [(name, " ".join(value.split())) for name, value in headers if name in _SIGNED or name.startswith("x-amz-")]
