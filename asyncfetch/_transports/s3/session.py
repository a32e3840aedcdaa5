"""What the AWS chain's own calls (STS, SSO, web identity) go over: aiohttp, but with the client's trust and proxies.

botocore would trust the authorities it brings along, and take proxies from the environment only. Instance and container
metadata are link-local, and stay botocore's own business.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..._model.errors import AccessDenied, MistakeError
from ..._model.url import Url
from ..distrust import Party, causes, explain, find
from ..proxies import PROXY_CREDENTIALS, ProxyRoutes
from ..trust import tls_context

if TYPE_CHECKING:
    from ..._model.errors import FetchError
    from ..._model.settings import Settings


def default_config(settings: Settings) -> Any:
    """Make the AioConfig that every client of the chain begins with."""
    from aiobotocore.config import AioConfig

    timeouts = settings.timeouts
    more: dict[str, Any] = {"connect_timeout": timeouts.connect, "read_timeout": timeouts.read}
    return AioConfig(
        http_session_cls=_session_class(settings),
        proxies={},  # not None: botocore would look in the environment
        # AWS_ENDPOINT_URL_STS says where a role is asked for
        ignore_configured_endpoint_urls=None if settings.trust_env else True,
        **{name: value for name, value in more.items() if value is not None},
    )


def forget_environment(session: Any) -> None:
    """Take the variables out of what a session looks at: only the files of its profile are left, where they ever are.

    Else AWS_CONFIG_FILE would say which files these are, and so who we are.
    """
    from botocore import configprovider as config

    chains = config.ConfigChainFactory(session=session, environ={})

    def chain(name: str, where: tuple[Any, ...]) -> Any:
        properties, variables, default, convert = where
        return chains.create_config_chain(name, variables, properties, default, convert)

    store = session.get_component("config_store")
    for name, where in config.BOTOCORE_DEFAUT_SESSION_VARIABLES.items():
        store.set_config_provider(name, chain(name, where))
    of_s3 = {name: chain(name, where) for name, where in config.DEFAULT_S3_CONFIG_VARS.items()}
    store.set_config_provider("s3", config.SectionConfigProvider("s3", session, of_s3))
    session.get_component("credential_provider").remove("container-role")  # which only variables name


def _session_class(settings: Settings) -> type[Any]:
    from aiobotocore.httpsession import AIOHTTPSession

    proxy_for = _Proxies(ProxyRoutes(settings.proxies, os.environ if settings.trust_env else {}))

    class Session(AIOHTTPSession):  # type: ignore[misc]  # aiobotocore ships no types
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self._proxy_config = proxy_for

        def _build_ssl_contexts(self, proxy_url: str | None) -> tuple[Any, Any]:
            context = tls_context(settings.trust, trust_env=settings.trust_env)
            return context, context if proxy_url else None

        async def send(self, request: Any) -> Any:
            url = Url(request.url)
            proxy = proxy_for.of(url)
            try:
                return await super().send(request)
            except Exception as error:
                ours = _told(error, url, proxy)
                if ours is None:
                    raise
                raise ours from error  # botocore would ask again; of these it knows nothing, so they end it

    return Session


def _told(error: Exception, url: Url, proxy: Url | None) -> FetchError | None:
    failed = find(error)
    if failed is not None:
        return explain(failed, Party(url.host, proxy), url)
    if proxy is not None and any(getattr(one, "status", None) == 407 for one in causes(error)):
        return AccessDenied(f"the proxy `{proxy}` wants credentials", url=url, status=407, hint=PROXY_CREDENTIALS)
    return None


class _Proxies:
    """Answers as botocore's ProxyConfiguration does; ours goes by host, too."""

    settings: dict[str, Any] = {}  # noqa: RUF012 - what aiobotocore reads, and nobody writes

    def __init__(self, routes: ProxyRoutes) -> None:
        self._routes = routes

    def of(self, url: Url) -> Url | None:
        proxy = self._routes(url)
        if proxy is not None and proxy.scheme.startswith("socks"):
            raise MistakeError(
                f"AWS is not asked for credentials through SOCKS, and the proxy is `{proxy}`", hint="see NO_PROXY"
            )
        return proxy

    def proxy_url_for(self, url: str) -> str | None:
        proxy = self.of(Url(url))
        return None if proxy is None else proxy.reveal()

    def proxy_headers_for(self, _url: str) -> dict[str, str]:
        return {}
