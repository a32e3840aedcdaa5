"""Where an object is: from ``s3://bucket/key?versionId=...`` to the URL that an endpoint serves it under.

Rules: the bucket is the host, case kept; the key is the path without its first slash, percent-decoded, and encoded
again as S3 signs it (everything but ``A-Z a-z 0-9 - . _ ~ /``). The only query parameter is ``versionId``: a ``?`` that
belongs to the key is written ``%3F``. Credentials and a port have no meaning in such a URL and are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from ..._model.errors import InvalidUrl, MistakeError
from ..._model.url import Url

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNRESERVED = "-._~"
# a bucket that can be a label of a host name; one with dots cannot, under the wildcard of a TLS certificate
_LABEL = re.compile(r"[a-z0-9][a-z0-9\-]{1,61}[a-z0-9]")
_AWS_HOST = re.compile(
    r"(?:[a-z0-9.\-]+\.)?s3(?:-fips)?(?:\.dualstack)?(?:[.\-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?"
    r"\.amazonaws\.com(?:\.cn)?"
)


class Target(NamedTuple):
    """What an s3 URL names: a bucket, a key as it is sent (percent-encoded), and a version of it."""

    bucket: str
    key: str
    version: str | None


class Site(NamedTuple):
    """Where a bucket is served: scheme and authority, and the path in front of the keys."""

    scheme: str
    authority: str
    base: str

    def url(self, path: str, query: str) -> Url:
        """Give the URL of a path here."""
        return Url(f"{self.scheme}://{self.authority}{path}{'?' + query if query else ''}")


def target_of(url: Url) -> Target:
    """Read an s3 URL. Raises InvalidUrl."""
    if url.userinfo is not None or url.port is not None:
        raise InvalidUrl(
            "an s3 URL is s3://bucket/key, without credentials and port",
            url=url,
            hint="credentials come from the AWS environment and profiles, the endpoint from S3(endpoint_url=...)",
        )
    version = None
    for parameter in (url.query or "").split("&"):
        name, _, value = parameter.partition("=")
        if name == "versionId" and value and version is None:
            version = unquote_to_bytes(value).decode("utf-8", "surrogateescape")
        elif name:
            raise InvalidUrl(
                f"the query parameter {name!r} means nothing in an s3 URL, only one versionId does",
                url=url,
                hint="a `?` that belongs to the key is written %3F",
            )
    return Target(url.host, encode_key(unquote_to_bytes(url.path)[1:]), version)


def encode_key(key: bytes | str) -> str:
    """Percent-encode a key as S3 sends and signs it."""
    return quote(key, safe="-._~/")


def canonical_query(parameters: Iterable[tuple[str, str]]) -> str:
    """Give a query as it is both sent and signed: encoded and sorted."""
    return "&".join(
        sorted(
            f"{quote(n, safe=_UNRESERVED)}={quote(v, _UNRESERVED, 'utf-8', 'surrogateescape')}" for n, v in parameters
        )
    )


def site_of(bucket: str, endpoint: str, style: str) -> Site:
    """Say where an endpoint serves a bucket; ``style`` is auto, path or virtual.

    Auto is virtual at AWS for a bucket that can be part of a host name, and path everywhere else. Raises MistakeError
    for an endpoint that is no http or https URL.
    """
    try:
        at = Url(endpoint)
    except InvalidUrl as error:
        raise MistakeError(f"the S3 endpoint `{error.url}` is no URL: {error.reason}") from error
    if at.scheme not in ("http", "https") or at.userinfo is not None or at.query is not None:
        raise MistakeError(f"an S3 endpoint is http(s)://host[:port][/path] and no more, not `{at}`")
    can_be_host = _LABEL.fullmatch(bucket) is not None or ("." in bucket and at.scheme == "http")
    if style == "virtual" or (style != "path" and can_be_host and is_aws(at.host)):
        return Site(at.scheme, f"{bucket}.{at.authority}", at.path.rstrip("/"))
    return Site(at.scheme, at.authority, f"{at.path.rstrip('/')}/{encode_key(bucket)}")


def is_aws(host: str) -> bool:
    """Tell whether a host is S3 at AWS itself."""
    return _AWS_HOST.fullmatch(host) is not None


def in_region(endpoint: str, region: str) -> str:
    """Give the endpoint that serves another region: another host at AWS, itself everywhere else."""
    scheme, slashes, rest = endpoint.partition("://")
    host = rest.partition("/")[0]
    match = _AWS_HOST.fullmatch(host)
    if match is None:
        return endpoint
    if match["region"] is None:
        return f"{scheme}{slashes}{host.replace('.amazonaws', f'.{region}.amazonaws')}"
    return f"{scheme}{slashes}{host.replace(match['region'], region)}"


def region_in(host: str) -> str | None:
    """Give the region that a host name of S3 at AWS tells."""
    match = _AWS_HOST.fullmatch(host)
    return None if match is None else match["region"]
