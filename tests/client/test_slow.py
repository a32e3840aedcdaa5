"""Too slow: a stall is found over every way bytes come, what came is kept, and our own rate is nobody's fault."""

from types import SimpleNamespace

import anyio
import pytest

from asyncfetch import S3, Limits, Retry, Stalled, Timeouts
from asyncfetch._model.exchange import Body
from asyncfetch._pump import Flow, pump
from asyncfetch._transports.http.transport import HttpTransport
from asyncfetch._watch import Watch
from asyncfetch.testing import FtpServer, HttpServer, Stall, Throttle

from .scene import AT_ONCE, LARGE, SMALL, client, digest_of, far_end, idle

pytestmark = pytest.mark.anyio
AT = 2_000_000
PATIENCE = Timeouts(stall=(1_000, 0.2))


@pytest.fixture
def quick_pulse(monkeypatch):
    monkeypatch.setattr("asyncfetch._pulse.PERIOD", 0.005)


@pytest.mark.parametrize("way", ["wire", "httpx", "s3", "ftp"])
async def test_a_stall_is_noticed_and_gone_on_from(quick_pulse, tmp_path, way, anyio_backend_name):
    """Silence after two megabytes, then the rest, asked for from there, over another connection."""
    if way == "wire" and anyio_backend_name != "asyncio":
        pytest.skip("the wire lane is asyncio's")
    more, transports = {}, None
    with HttpServer() as http, FtpServer() as ftp:
        if way == "ftp":
            page = ftp.serve("file", LARGE, faults=[Stall(AT)])
            url = page.url
        else:
            page = http.serve("/bucket/file", LARGE, faults=[Stall(AT)])
            url = "s3://bucket/file" if way == "s3" else page.url
            more = {"s3": S3(endpoint_url=http.url("").rstrip("/"), region="us-east-1", anonymous=True)}
        async with client(timeouts=PATIENCE, **more) as one:
            if way in {"wire", "httpx"}:
                one._lent["http"] = transports = HttpTransport(one.settings, lane=way)
            try:
                result = await one.fetch(url, tmp_path / "file", digest=digest_of(LARGE))
                await idle(one)
            finally:
                if transports is not None:
                    await transports.aclose()
        if way == "ftp":
            assert [argument for command, argument in ftp.commands if command == "REST"] == [str(AT)]
        else:
            assert [request.range for request in page.requests] == [None, f"bytes={AT}-"]
    assert (result.attempts, result.transferred) == (2, len(LARGE))
    assert (tmp_path / "file").read_bytes() == LARGE


async def test_a_crawl_is_a_stall(quick_pulse, tmp_path):
    """Bytes come all the time, but fewer than the settings ask for."""
    with HttpServer() as server:
        page = server.serve("/page", LARGE, always=[Throttle(rate=20_000, piece=200)])
        mirror = server.serve("/mirror", LARGE)
        async with client(timeouts=Timeouts(stall=(1_000_000, 0.05)), retry=Retry(attempts=1)) as one:
            result = await one.fetch(page.url, tmp_path / "file", mirrors=[mirror.url], digest=digest_of(LARGE))
            with pytest.raises(Stalled, match="1e\\+06 bytes a second"):
                await one.fetch(page.url, tmp_path / "alone")
    assert result.source == mirror.url
    assert mirror.requests[0].range is not None, "what had crawled in was kept"


def _watched(**timeouts):
    flow = Flow(Body.__new__(_Silent), 0, None)
    settings = SimpleNamespace(timeouts=Timeouts(**timeouts))
    around = SimpleNamespace(settings=settings, observer=None)
    return flow, Watch(flow, None, "memory://far/x", around)


class _Silent(Body):
    reason = None

    async def fill(self, into):
        raise NotImplementedError

    def abort(self, error):
        self.reason = error
        return True


@pytest.mark.parametrize("waits", [True, False])
async def test_time_spent_waiting_for_ourselves_does_not_count(waits):
    flow, watch = _watched(stall=(1_000, 5))
    flow.waits = waits
    for tick in range(200):
        watch.tick(tick / 10)
    assert isinstance(flow.body.reason, Stalled) is not waits
    if waits:  # what comes then is judged as ever
        flow.waits = False
        for tick in range(200, 260):
            watch.tick(tick / 10)
        assert isinstance(flow.body.reason, Stalled)


async def test_small_files_pay_for_their_bytes_too(monkeypatch):
    """The rate is one for all transfers, however short each of them is."""
    spent = []

    async def spend(pace, count):
        spent.append(count)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr("asyncfetch._gates.Pace.spend", spend)
    far = far_end()
    pages = [far.publish(f"/{number}", SMALL) for number in range(20)]
    async with client(far, limits=Limits(rate=50_000_000), retry=AT_ONCE) as one:
        await one.fetch_all([page.url for page in pages])
    assert sum(spent) == 20 * len(SMALL)


async def test_a_stream_pays_too(monkeypatch):
    spent = []

    async def spend(pace, count):
        spent.append(count)
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr("asyncfetch._gates.Pace.spend", spend)
    far = far_end()
    page = far.publish("/page", LARGE)
    async with client(far, limits=Limits(rate=50_000_000)) as one, one.open(page.url) as body:
        assert sum([len(chunk) async for chunk in body.chunks]) == len(LARGE)
    assert sum(spent) == len(LARGE)


class _FullSink:
    """A disk that has no room at first; notes whom the waiting is put down to."""

    def __init__(self, flow):
        self.flow, self.waited = flow, []

    def lend(self, hint):
        return memoryview(bytearray(10)) if self.waited else None

    async def room(self):
        self.waited.append(self.flow.waits)

    def take(self, count):
        self.waited.append(self.flow.waits)


class _Ten(_Silent):
    size = 10
    given = 0

    async def fill(self, into):
        self.given += len(into)
        return len(into)

    @property
    def ended(self):
        return self.given == 10


async def test_a_full_disk_is_not_put_down_to_the_source():
    flow = Flow(_Ten(), 0, 10)
    sink = _FullSink(flow)
    await pump(flow, sink, None)
    assert sink.waited == [True, False]


async def test_a_rate_of_ours_is_not_put_down_to_the_source():
    """Many transfers share a rate, so each may get less than what would be a stall."""
    flow = Flow(_Ten(), 0, 10)
    sink = _FullSink(flow)
    sink.waited.append(None)

    class Slow:
        portion = 5

        async def spend(self, count):
            sink.waited.append((count, flow.waits))

    await pump(flow, sink, Slow())
    assert sink.waited == [None, False, (5, True), False, (5, True)]
    assert not flow.waits
