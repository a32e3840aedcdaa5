"""The far ends of chaos: one server for each scheme, and where one fetch finds its sources on them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ..._model.settings import S3, Limits, Retry, Settings, Timeouts, Trust
from ..certificates import Authority
from ..ftp import FtpServer
from ..http import HttpServer

if TYPE_CHECKING:
    from types import TracebackType

    from ._plan import Plan, Source

_BUCKET = "bucket"


@dataclass(slots=True)
class Published:
    """A source where it is served."""

    source: Source
    url: str
    resource: Any  # an http.Resource or an FtpFile; None where there is nothing
    was_met: int = 0  # before all was calmed

    @property
    def met(self) -> int:
        """How many of its mishaps have come about."""
        return 0 if self.resource is None else len(self.source.cues) - len(self.resource._cues)  # noqa: SLF001 - of a sibling

    def calm(self) -> None:
        """Let everything be right from now on."""
        self.was_met = self.met
        if self.resource is not None:
            self.resource._cues.clear()  # noqa: SLF001 - as above


class Places:
    """The servers; use it as a context manager. S3 is played by an HTTP server, which can do all the wrong things."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            authority = Authority()
            self._servers = {
                "http": stack.enter_context(HttpServer()),
                "https": stack.enter_context(HttpServer(tls=authority)),
                "s3": stack.enter_context(HttpServer()),
            }
            self._ftp = stack.enter_context(FtpServer())
            ca_file = authority.write(os.path.join(self._folder, "ca.pem"))
            self.settings = Settings(
                retry=Retry(attempts=8, backoff=0.0, retry_after_max=0.02),
                timeouts=Timeouts(connect=10.0, read=1.5, stall=(1_000, 0.7)),
                limits=Limits(total=64, per_host=32),
                trust=Trust(verify=ca_file),
                s3=S3(endpoint_url=self._servers["s3"].url(""), region="us-east-1", anonymous=True),
                trust_env=False,
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def publish(self, plan: Plan) -> list[Published]:
        """Serve what a plan asks for."""
        return [self._publish(plan, number, source) for number, source in enumerate(plan.sources)]

    def _publish(self, plan: Plan, number: int, source: Source) -> Published:
        name = f"{plan.number}/{number}"
        body = plan.versions[0]
        if source.scheme == "ftp":
            if source.missing:
                return Published(source, self._ftp.url(name), None)
            cues: Any = source.cues
            file = self._ftp.serve(name, body.read(), faults=cues)
            return Published(source, file.url, file)
        server = self._servers[source.scheme]
        path = f"/{_BUCKET}/{name}" if source.scheme == "s3" else f"/{name}"
        url = f"s3:/{path}" if source.scheme == "s3" else server.url(path)
        if source.missing:
            return Published(source, url, None)
        return Published(source, url, server.serve(path, body, faults=source.cues))

    def withdraw(self, plan: Plan, published: list[Published]) -> None:
        """Serve it no longer."""
        for number, one in enumerate(published):
            name = f"{plan.number}/{number}"
            if one.source.scheme == "ftp":
                if one.resource is not None:
                    del self._ftp.files[os.path.realpath(one.resource.path)]
                    os.unlink(one.resource.path)
            else:
                path = f"/{_BUCKET}/{name}" if one.source.scheme == "s3" else f"/{name}"
                self._servers[one.source.scheme].remove(path)
