"""S3Server: an S3 on loopback that needs no account and no second process: moto, in a thread of this one.

>>> from asyncfetch.testing.s3 import S3Server
>>> with S3Server() as server:
...     url = server.put("folder/a b.txt", b"hello")
...     url, server.settings.s3.region
('s3://bucket/folder/a%20b.txt', 'us-east-1')

* ``server.settings`` is what a client needs to reach it; ``server.environment`` says the same as variables (AWS_...).
* ``server.put(key, data, bucket=..., **more)`` stores an object and gives its URL; ``more`` is what boto3's put_object
  takes (ChecksumAlgorithm="SHA256", ...). ``server.client`` is a boto3 client for everything else.
* ``server.requests`` lists what was asked, as `S3Asked`, those of ``put`` and ``client`` excepted.

Rules of moto: it checks no signature and lets any key in; names of buckets have three characters or more. All servers
of one process share one store, which is emptied when the last of them stops.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self
from urllib.parse import quote

from .._model.settings import S3, Settings
from .far_ends import FarEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

__all__ = ["S3Asked", "S3FarEnd", "S3Server", "open_s3_far_end", "s3_client"]

ACCESS_KEY, SECRET_KEY, REGION = "asyncfetch-key", "asyncfetch-secret", "us-east-1"
_numbers = itertools.count(1)  # servers share a store; a far end begins empty all the same
_FEEDING = "asyncfetch-testing-feed"  # in the User-Agent of our own client


class S3Asked(NamedTuple):
    """One request: method, path and query as they came, and the headers, names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]


class S3Server:
    """moto's S3 server; started by entering, stopped and joined by leaving."""

    _running: ClassVar[int] = 0
    _counting: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, bucket: str = "bucket") -> None:
        self.bucket = bucket
        self.requests: list[S3Asked] = []
        self.endpoint = ""
        self._client: Any = None
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def settings(self) -> Settings:
        """What a client needs to reach it. The keys come from the environment, or from ``auth``."""
        return Settings(s3=S3(endpoint_url=self.endpoint, region=REGION))

    @property
    def auth(self) -> dict[str, tuple[str, str]]:
        """What a client may show for the bucket (moto takes anything)."""
        return {f"s3://{self.bucket}/": (ACCESS_KEY, SECRET_KEY)}

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead every AWS tool here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    @property
    def client(self) -> Any:
        """A boto3 client of S3 for this server."""
        if self._client is None:
            self._client = s3_client(self.endpoint, ACCESS_KEY, SECRET_KEY)
        return self._client

    def put(self, key: str, data: bytes, *, bucket: str | None = None, **more: Any) -> str:
        """Store an object, in a bucket made for it if need be, and give its URL."""
        bucket = bucket or self.bucket
        self.make(bucket)
        self.client.put_object(Bucket=bucket, Key=key, Body=data, **more)
        return f"s3://{bucket}/{quote(key, safe='/')}"

    def make(self, bucket: str, **more: Any) -> None:
        """Make a bucket, unless it is there."""
        with suppress(self.client.exceptions.BucketAlreadyOwnedByYou, self.client.exceptions.BucketAlreadyExists):
            self.client.create_bucket(Bucket=bucket, **more)

    def __enter__(self) -> Self:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        class Quiet(MotoRequestHandler):
            def log(self, *_: Any) -> None:
                """Say nothing on stderr."""

        application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._noting(application), threaded=True, request_handler=Quiet)
        self._server.daemon_threads = True  # a client's idle connection is no reason not to stop
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="S3Server", daemon=True)
        self._thread.start()
        with self._counting:
            S3Server._running += 1
        try:
            self.make(self.bucket)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from moto.moto_api._internal.models import moto_api_backend

        if self._client is not None:
            self._client.close()
            self._client = None
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join()
        with self._counting:
            S3Server._running -= 1
            if S3Server._running == 0:
                moto_api_backend.reset()

    def _noting(self, application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def noted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if _FEEDING not in environ.get("HTTP_USER_AGENT", ""):
                names = {name[5:].replace("_", "-").lower(): v for name, v in environ.items() if name[:5] == "HTTP_"}
                path, _, query = environ.get("RAW_URI", "").partition("?")
                self.requests.append(S3Asked(environ["REQUEST_METHOD"], path, query, names))
            return application(environ, start_response)

        return noted


class S3FarEnd(FarEnd):
    """A bucket of any S3 as a far end; ``client`` is a boto3 client that may write there."""

    scheme = "s3"
    listing = True

    def __init__(self, client: Any, bucket: str, settings: Settings) -> None:
        self.client = client
        self.bucket = bucket
        self.settings = settings

    def publish(self, name: str, data: bytes) -> str:
        """Store bytes and give their URL."""
        self.client.put_object(Bucket=self.bucket, Key=name, Body=data)
        return self.url(name)

    def url(self, name: str) -> str:
        """Give the URL of a name."""
        return f"s3://{self.bucket}/{quote(name, safe='/')}"


@contextmanager
def open_s3_far_end() -> Iterator[S3FarEnd]:
    """Start an S3Server with a bucket of its own that is everybody's to read, as a far end that needs no keys."""
    with S3Server(f"bucket-{next(_numbers)}") as server:
        allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{server.bucket}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        server.client.put_bucket_policy(Bucket=server.bucket, Policy=policy)
        settings = Settings(s3=S3(endpoint_url=server.endpoint, region=REGION, anonymous=True))
        yield S3FarEnd(server.client, server.bucket, settings)


def s3_client(endpoint: str, access_key: str, secret_key: str, region: str = REGION) -> Any:
    """Make a boto3 client to fill a server with; its requests are marked as those of the test itself.

    It reads nothing of the user's: no profile, no file, no CA bundle, whatever the environment says.
    """
    import boto3  # type: ignore[import-untyped]  # it ships no types
    import botocore.session
    from botocore.config import Config

    nobodys: dict[str, tuple[None, None, str | None, None]] = {
        "profile": (None, None, None, None),
        "ca_bundle": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session = boto3.session.Session(botocore_session=botocore.session.Session(nobodys))
    return session.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(
            user_agent_extra=_FEEDING,
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"max_attempts": 1},
        ),
    )
