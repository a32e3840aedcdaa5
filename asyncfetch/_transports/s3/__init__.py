"""s3: the AWS chain says who and where, our signer signs, the client's http transport moves the bytes."""

from __future__ import annotations

from .transport import S3Transport

__all__ = ["S3Transport"]
