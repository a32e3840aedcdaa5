"""The far ends of the matrix, by the names its table has for them: servers, proxies, trust, credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asyncfetch import S3, Keyring, Proxies, Settings, Timeouts, Trust
from asyncfetch.testing import Authority, FtpServer, HttpServer, RequireBasic
from asyncfetch.testing.certificates import self_signed_context
from tests.servers import proxies

if TYPE_CHECKING:
    from contextlib import ExitStack

# every secret of these tests; none of them may ever show
PASSWORD, PROXY_PASSWORD = "hush-pass", "hush-proxy"
SECRETS = [PASSWORD, "hush-wrong", PROXY_PASSWORD, "hush-guess"]
DATA = b"the very bytes" * 1000


def guarded(server):
    """Serve the same for anyone, for who knows the password, and as an object of a bucket."""
    server.serve("/open", DATA)
    server.serve("/private", DATA, always=[RequireBasic("me", PASSWORD)])
    server.serve("/bucket/open", DATA)
    return server


@dataclass
class World:
    """All that runs: servers by scheme and certificate, ports of proxies, and where the authority's file is."""

    ca_file: str
    servers: dict = field(default_factory=dict)
    ports: dict = field(default_factory=dict)

    def url(self, scheme, certificate, credentials):
        server = self.servers[scheme, certificate]
        who = {"right": f"me:{PASSWORD}@", "wrong": "me:hush-wrong@"}.get(credentials, "")
        if scheme == "s3":
            return "s3://bucket/open"
        if scheme in {"ftp", "ftps"}:
            return f"{scheme}://{who}127.0.0.1:{server.port}/open"
        path = "/open" if credentials == "-" else "/private"
        return server.url(path, host="localhost").replace("//", f"//{who}")

    def settings(self, scheme, certificate, proxy, trust):
        verify = {"-": True, "the authority": self.ca_file, "anyone": False}[trust]
        s3 = S3()
        if scheme == "s3":
            endpoint = self.servers[scheme, certificate].url("", host="localhost")
            s3 = S3(endpoint_url=endpoint, region="us-east-1", anonymous=True, addressing_style="path")
        return Settings(
            trust_env=False, trust=Trust(verify=verify), proxies=self.proxies(proxy), s3=s3,
            timeouts=Timeouts(connect=10, read=10),
        )  # fmt: skip

    def proxies(self, proxy):
        if proxy == "-":
            return Proxies()
        name, _, how = proxy.partition(" ")
        who = {"knows us": f"me:{PROXY_PASSWORD}@", "does not": "", "guessed": "me:hush-guess@"}.get(how, "")
        port = self.ports[name, how != "" and how != "open"]
        return Proxies(all=f"{'socks5h' if name == 'microsocks' else 'http'}://{who}127.0.0.1:{port}")


def keyring(*lines):
    """A program that prints these lines for the service it is asked for."""
    import sys

    return Keyring(command=(sys.executable, "-c", f"print({chr(10).join(lines)!r})"))


def open_world(stack: ExitStack, folder) -> World:
    """Start everything; it ends with the stack."""
    authority = Authority()
    world = World(authority.write(folder / "ca.pem"))
    certificates = {
        "good": lambda: authority,
        "expired": lambda: authority.server_context(expired=True),
        "other host": lambda: authority.server_context("other.example", "10.0.0.1"),
        "self-signed": self_signed_context,
        "stranger's": lambda: Authority().server_context(),
    }
    world.servers["http", "-"] = guarded(stack.enter_context(HttpServer()))
    for name, make in certificates.items():
        server = guarded(stack.enter_context(HttpServer(tls=make())))
        world.servers["https", name] = world.servers["s3", name] = server
    who = {"user": "me", "password": PASSWORD, "anonymous": False}
    world.servers["ftp", "-"] = stack.enter_context(FtpServer(**who))
    world.servers["ftps", "good"] = stack.enter_context(FtpServer(**who, tls=authority))
    world.servers["ftps", "expired"] = stack.enter_context(
        FtpServer(**who, tls=authority, certificate={"expired": True})
    )
    for key in [("ftp", "-"), ("ftps", "good"), ("ftps", "expired")]:
        world.servers[key].serve("open", DATA)
    for name, run in proxies.PROXIES.items():
        if proxies.missing(name) is None:
            for known in (False, True) if name != "squid" else (True,):  # squid takes 2 s to stop
                user = ("me", PROXY_PASSWORD) if known else ()
                world.ports[name, known] = stack.enter_context(run(folder, *user))
    return world
