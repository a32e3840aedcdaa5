"""What S3 said when it did not answer: from status, headers and XML to the error of the tree that it stands for.

Rules: the code decides, the status where there is no code (the reply to a HEAD has no body). AccessDenied is never
NotFound. S3's own message is shown, S3's other fields (tokens, the string it signed) never are.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ..._model.errors import (
    AccessDenied,
    Busy,
    FetchError,
    NotFound,
    RangeRefused,
    RedirectRefused,
    SourceError,
    TooLarge,
    TransientError,
)
from ..._policy.fields import gather, retry_after
from .address import region_in
from .markup import child_text, parse

if TYPE_CHECKING:
    from ..._model.exchange import Reply
    from ..._model.url import Url

LONGEST_ERROR = 64 * 1024  # bytes; those of AWS have 300 to 2,000

_MISSING = frozenset({"NoSuchKey", "NoSuchBucket", "NoSuchVersion", "NotFound", "NoSuchUpload"})
_BUSY = frozenset({
    "SlowDown", "ServiceUnavailable", "InternalError", "SlowDownRead", "XMinioServerNotInitialized", "TooManyRequests",
    # those of AWS at large that its SDKs wait after
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "TooManyRequestsException", "ProvisionedThroughputExceededException", "TransactionInProgressException",
    "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException", "PriorRequestNotComplete",
    "EC2ThrottledException",
})  # fmt: skip
_TRANSIENT = frozenset({"RequestTimeout", "RequestTimeoutException", "OperationAborted", "IncompleteBody"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"})
_BUSY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})

_RENEW = "renew them, `aws sso login` for SSO"
_KEYS = "check the access key and its secret (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, the profile), and the endpoint"
_HINTS = {
    "AccessDenied": "these credentials may not read it (without s3:ListBucket, S3 says so of a missing key too)",
    "AllAccessDisabled": "the bucket is locked by its owner or by AWS",
    "AccountProblem": "the AWS account has a problem that its owner must solve",
    "SignatureDoesNotMatch": _KEYS,
    "InvalidAccessKeyId": _KEYS,
    "UnsupportedAlgorithm": _KEYS,  # what rclone says to a request that is not signed
    "AuthorizationHeaderMalformed": "set the region of the bucket",
    "AuthorizationQueryParametersError": "set the region of the bucket",
    "RequestTimeTooSkewed": "set the clock of this machine: it is more than 15 minutes off",
    "RequestExpired": "set the clock of this machine",
    "InvalidObjectState": "the object is archived: restore it first",
    "RequesterPays": "set S3(requester_pays=True) to pay for the request",
    **dict.fromkeys(_EXPIRED, _RENEW),
}
_NO_KEYS = "no AWS credentials were found (environment, profile, container, instance), so it was asked anonymously"


class Failure(NamedTuple):
    """A reply that is no answer. ``code`` is empty where S3 gave none; ``region`` is where the bucket is, if said."""

    status: int
    code: str
    message: str
    region: str | None
    fields: dict[str, str]

    @property
    def is_expired(self) -> bool:
        """Tell whether other credentials may help."""
        return self.code in _EXPIRED


async def read_failure(reply: Reply) -> Failure:
    """Read a reply that is no answer; of a body that is no XML, or longer than 64 KiB, only the status counts."""
    fields = gather(reply.headers)
    root = None
    with suppress(ValueError, TooLarge):  # a proxy's page, or none: the status speaks
        root = parse(await read_bounded(reply, LONGEST_ERROR))
    code = message = endpoint = region = ""
    if root is not None:
        code, message = child_text(root, "Code"), child_text(root, "Message")
        endpoint, region = child_text(root, "Endpoint"), child_text(root, "Region")
    where = fields.get("x-amz-bucket-region") or region or region_in(endpoint) or _region_in_location(fields)
    return Failure(reply.status, code, message, where if _is_region(where) else None, fields)


async def read_bounded(reply: Reply, limit: int) -> bytes:
    """Read a whole body of at most so many bytes. Raises TooLarge."""
    data, view = bytearray(), memoryview(bytearray(16 * 1024))
    while count := await reply.fill(view):
        data += view[:count]
        if len(data) > limit:
            raise TooLarge(f"more than {limit} bytes of XML")
    return bytes(data)


def error_of(failure: Failure, url: Url, *, ranged: bool, anonymous: bool, now: float) -> FetchError:
    """Give the error that a failure stands for; ``now`` in seconds since 1970."""
    status, code = failure.status, failure.code
    reason = " ".join(f"{status} {code}".split())
    if failure.message:
        reason += f": {_one_line(failure.message)}"
    more: dict[str, Any] = {"url": url, "status": status}
    if code in _MISSING or (status in (404, 410)) or "x-amz-delete-marker" in failure.fields:
        return NotFound(reason, **more)
    if code in _TRANSIENT:
        return TransientError(reason, **more)
    if code in _BUSY or (status in _BUSY_STATUS):
        return Busy(reason, retry_after=retry_after(failure.fields, now), **more)
    if code in _HINTS or status in (401, 403, 407, 451):
        hint = _HINTS.get(code or "AccessDenied")
        if anonymous and code in ("", "AccessDenied", "UnsupportedAlgorithm"):
            hint = _NO_KEYS
        return AccessDenied(reason, hint=hint, **more)
    if ranged and status in (412, 416):
        return RangeRefused(reason, **more)
    if 300 <= status < 400:
        return RedirectRefused(reason, hint="check the region and the endpoint of the bucket", **more)
    return SourceError(reason, **more)


def _region_in_location(fields: dict[str, str]) -> str | None:
    match = re.match(r"https?://([^/:?#]+)", fields.get("location", ""))
    return None if match is None else region_in(match[1].lower())


def _is_region(text: str | None) -> bool:
    return text is not None and re.fullmatch(r"[A-Za-z0-9\-]{1,64}", text) is not None


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]
