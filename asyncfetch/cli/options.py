"""Options become Settings. What is not said on the command line keeps the engine's own default."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import asyncfetch

from .wishes import Usage

if TYPE_CHECKING:
    from argparse import Namespace


def settings_of(options: Namespace) -> asyncfetch.Settings:
    """Give the settings that the options ask for. Raises Usage and MistakeError for what no client can do."""
    return asyncfetch.Settings(
        retry=asyncfetch.Retry() if options.retries is None else asyncfetch.Retry(attempts=options.retries + 1),
        limits=_limits(options),
        timeouts=_timeouts(options),
        trust=_trust(options),
        proxies=_proxies(options),
        s3=asyncfetch.S3(
            endpoint_url=options.s3_endpoint,
            region=options.s3_region,
            profile=options.s3_profile,
            anonymous=options.no_sign_request or None,
        ),
        offline=options.offline,
        http2=options.http2,
        durable=getattr(options, "durable", False),
        trust_env=not options.no_env,
    )


def _limits(options: Namespace) -> asyncfetch.Limits:
    limits = asyncfetch.Limits(rate=getattr(options, "limit_rate", None))
    jobs = getattr(options, "jobs", None)
    return limits if jobs is None else replace(limits, total=jobs, per_host=jobs)


def _timeouts(options: Namespace) -> asyncfetch.Timeouts:
    timeouts = asyncfetch.Timeouts(total=options.max_time)
    if options.timeout is None:
        return timeouts
    patience = options.timeout
    if timeouts.stall is not None:  # who waits longer for a byte also waits longer for a thousand of them
        timeouts = replace(timeouts, stall=(timeouts.stall[0], max(timeouts.stall[1], patience)))
    return replace(timeouts, connect=patience, read=patience)


def _trust(options: Namespace) -> asyncfetch.Trust:
    if options.client_key is not None and options.client_cert is None:
        raise Usage("--client-key goes with --client-cert")
    if options.insecure and options.ca_file is not None:
        raise Usage("--ca-file says whom to trust, --insecure trusts anyone: one of them")
    certificate = options.client_cert
    if options.client_key is not None:
        certificate = (options.client_cert, options.client_key)
    verify = False if options.insecure else options.ca_file or True
    return asyncfetch.Trust(verify=verify, client_cert=certificate)


def _proxies(options: Namespace) -> asyncfetch.Proxies:
    if options.proxy is None:
        return asyncfetch.Proxies()
    # each by name, so that no HTTP_PROXY of the environment is asked first
    return asyncfetch.Proxies(http=options.proxy, https=options.proxy, all=options.proxy)
