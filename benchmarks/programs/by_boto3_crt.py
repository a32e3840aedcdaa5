"""AWS's Common Runtime under s3transfer (``boto3[crt]``), which splits large objects over connections.

By its transfer manager: ``boto3`` itself gives the runtime no way to a server without TLS.
"""

from __future__ import annotations

import awscrt
import boto3
import botocore.session
from botocore.config import Config
from s3transfer.crt import (
    BotocoreCRTCredentialsWrapper,
    BotocoreCRTRequestSerializer,
    CRTTransferManager,
    create_s3_crt_client,
)

from benchmarks.programs.clock import Item, Job, measured


def fetch(job: Job, items: list[Item]) -> None:
    session = botocore.session.Session()
    credentials = BotocoreCRTCredentialsWrapper(session.get_credentials())
    client = create_s3_crt_client(
        session.get_config_variable("region"),
        crt_credentials_provider=credentials.to_crt_credentials_provider(),
        use_ssl=False,
    )
    settings = {"endpoint_url": job.endpoint, "config": Config(s3={"addressing_style": "path"})}
    with CRTTransferManager(client, BotocoreCRTRequestSerializer(session, settings)) as manager:
        futures = []
        for item in items:
            bucket, _, key = item.url.removeprefix("s3://").partition("/")
            futures.append(manager.download(bucket, key, item.path))
        for future in futures:
            future.result()


if __name__ == "__main__":
    measured(fetch, f"{boto3.__version__}, awscrt {awscrt.__version__}")
