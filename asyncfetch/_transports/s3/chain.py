"""What the AWS chain says: who we are, in which region, at which endpoint. All of it is aiobotocore's own reading.

Environment, profiles and their roles, SSO, web identity, `credential_process`, container and instance metadata are
looked through in the order that every AWS tool has. aiobotocore is imported and asked in a worker thread; no request to
S3 goes through it. Its client, which costs 50 ms of CPU and never sends anything, is made only where nobody has named
an endpoint yet.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from ..._model.errors import AccessDenied, ConnectFailed, FetchError, MistakeError
from ..quiet import hush, quietly
from .aside import run_aside
from .session import default_config, forget_environment
from .signing import Keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._model.settings import S3, Settings

DEFAULT_REGION = "us-east-1"  # where AWS redirects from for every other one
MARGIN = 300  # temporary credentials are renewed this many seconds before they end
PAUSE = 60.0  # seconds between two tries to renew credentials that still hold


@dataclass(frozen=True, slots=True)
class Account:
    """What the chain said; ``keys`` is None where it knows none, or none were wanted."""

    keys: Keys | None
    region: str
    endpoint: str
    style: str
    ends_within: Callable[[int], bool] | None = None
    check_after: float = 0.0

    def is_stale(self) -> bool:
        """Tell whether the keys are to be renewed now."""
        return self.ends_within is not None and time.monotonic() >= self.check_after and self.ends_within(MARGIN)

    def is_over(self) -> bool:
        """Tell whether the keys have ended."""
        return self.ends_within is not None and self.ends_within(0)


async def look_up(wanted: S3, *, unsigned: bool, settings: Settings) -> Account:
    """Ask the chain; ``unsigned`` wants no keys.

    Raises AccessDenied when credentials are set up but cannot be had, ConnectFailed when who gives them is not there.
    """
    trust_env = settings.trust_env
    known = wanted.endpoint_url is not None and wanted.region is not None and unsigned
    if known or (not trust_env and wanted.profile is None):
        region = wanted.region or DEFAULT_REGION
        endpoint = wanted.endpoint_url or f"https://s3.{region}.amazonaws.com"
        return Account(None, region, endpoint, wanted.addressing_style or "auto")
    # 330 ms that cannot be interrupted: who is cancelled meanwhile goes, the import goes on by itself
    await anyio.to_thread.run_sync(import_module, "aiobotocore.session", abandon_on_cancel=True)
    hush("aiobotocore", "botocore", "aiohttp")
    try:
        with quietly():
            return await run_aside(lambda: _ask(wanted, unsigned=unsigned, settings=settings))
    except FetchError:
        raise
    except Exception as error:
        raise _told(error) from error


async def _ask(wanted: S3, *, unsigned: bool, settings: Settings) -> Account:
    from aiobotocore.session import AioSession

    trust_env = settings.trust_env
    session = AioSession(profile=wanted.profile)
    session.set_default_client_config(default_config(settings))
    if not trust_env:
        forget_environment(session)
    _ask_nobody(session)
    env = os.environ if trust_env else {}
    region, endpoint = wanted.region, wanted.endpoint_url
    if trust_env:
        # AWS_REGION is read by every SDK but botocore, which knows AWS_DEFAULT_REGION
        region = region or env.get("AWS_REGION") or session.get_config_variable("region")
        if not session.get_config_variable("ignore_configured_endpoint_urls"):
            endpoint = endpoint or env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL")
    else:
        region = region or session.get_scoped_config().get("region")
        endpoint = endpoint or session.get_scoped_config().get("endpoint_url")
    region = region or DEFAULT_REGION
    keys, ends_within = None, None
    if not unsigned:
        credentials = await session.get_credentials()
        if credentials is not None:
            frozen = await credentials.get_frozen_credentials()
            keys = Keys(frozen.access_key, frozen.secret_key, frozen.token or None)
            ends_within = getattr(credentials, "refresh_needed", None)
    style = wanted.addressing_style or (session.get_config_variable("s3") or {}).get("addressing_style") or "auto"
    endpoint = endpoint or await _endpoint(session, region, trust_env=trust_env)
    return Account(keys, region, endpoint, style, ends_within, time.monotonic() + PAUSE)


async def _endpoint(session: Any, region: str, *, trust_env: bool) -> str:
    """Read the endpoint off a client: from the profile, or AWS's own for the region, its dual-stack or FIPS one."""
    from aiobotocore.config import AioConfig
    from botocore import UNSIGNED

    config = AioConfig(signature_version=UNSIGNED, ignore_configured_endpoint_urls=not trust_env)
    async with session.create_client("s3", region_name=region, config=config) as client:
        endpoint: str = client.meta.endpoint_url
        return endpoint


def _ask_nobody(session: Any) -> None:
    """See to it that a role with a second factor (mfa_serial) does not ask for a code on the terminal."""

    def refuse(_prompt: str) -> str:
        raise AccessDenied(
            "the profile needs a code of a second factor (mfa_serial)",
            hint="get a session with your AWS tool first, and let the profile use that",
        )

    provider = session.get_component("credential_provider").get_provider("assume-role")
    provider._prompter = refuse  # noqa: SLF001 - its constructor takes one, but the chain does not pass it on


def _told(error: Exception) -> FetchError:
    """Say in our words why the chain gave nothing. What a credential process printed is not repeated."""
    from botocore import exceptions as aws

    if isinstance(error, aws.ProfileNotFound):
        return AccessDenied(str(error), hint="check AWS_PROFILE or S3(profile=...) against ~/.aws/config")
    if isinstance(error, (aws.SSOError, aws.TokenRetrievalError, getattr(aws, "LoginError", aws.SSOError))):
        return AccessDenied(str(error), hint="run `aws sso login` (or `aws login`) for the profile")
    if isinstance(error, aws.CredentialRetrievalError):
        provider = error.kwargs.get("provider")
        return AccessDenied(f"the AWS credential provider {provider} failed", hint="try it by hand")
    if isinstance(error, (aws.ConnectionError, aws.HTTPClientError)):
        return ConnectFailed(f"who gives the AWS credentials does not answer: {type(error).__name__}")
    if isinstance(error, aws.ClientError):
        code = error.response.get("Error", {}).get("Code", "unknown")
        return AccessDenied(f"AWS refused to give credentials: {error.operation_name}: {code}")
    if isinstance(error, (aws.BotoCoreError, OSError)):
        return AccessDenied(f"no AWS credentials: {error}", hint="check the AWS configuration")
    if isinstance(error, ValueError):  # an endpoint that is none, a number that is none
        return MistakeError(f"the AWS configuration makes no sense: {error}")
    return AccessDenied(f"no AWS credentials: {type(error).__name__}", hint="check the AWS configuration")
