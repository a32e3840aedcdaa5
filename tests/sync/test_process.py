"""Real processes: Ctrl-C, fork, and the end of the interpreter."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from asyncfetch import Settings, sync
from asyncfetch.testing import Hold, Pattern, Stall

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork as POSIX has them")
SIZE, CUT = 20_000_000, 10_000_000
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

# what is left after an interrupt is looked at while the program still runs, as a program that goes on would
_INTERRUPTED = """
    import signal, sys, threading, time
    from asyncfetch import Fetch, Settings, sync
    url, folder, way = sys.argv[1:]
    at = []

    def note(number, frame):
        at.append(time.monotonic())
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    settings = Settings(trust_env=False)
    client = sync.Client(settings=settings)
    print("ready", flush=True)
    try:
        with client:
            if way == "fetch":
                client.fetch(url, folder + "/a")
            elif way == "fetch_all":
                client.fetch_all([Fetch(url, folder + "/a")])
            elif way == "as_fetched":
                for outcome in client.as_fetched([Fetch(url, folder + "/a")]):
                    print(outcome)
            elif way == "one-shot":
                sync.fetch(url, folder + "/a", settings=settings)
            else:
                with client.open(url) as body, open(folder + "/a.part", "wb") as file:
                    for chunk in body.chunks:
                        file.write(chunk)
    except KeyboardInterrupt:
        took = time.monotonic() - at[0]
        for one in threading.enumerate()[1:]:
            one.join(2)
        left = [one.name for one in threading.enumerate()[1:]]
        print(f"interrupted {took:.3f} {left}")
"""


def program(text, *arguments):
    command = [sys.executable, "-W", "default", "-c", textwrap.dedent(text), *arguments]
    return subprocess.Popen(command, **QUIET)


def finished(running):
    try:
        out, err = running.communicate(timeout=20)
    finally:
        if running.poll() is None:
            running.kill()
    return running.returncode, out.decode(), err.decode()


def wait_for(true):
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.002)


@pytest.mark.parametrize("way", ["fetch", "fetch_all", "as_fetched", "one-shot", "open"])
def test_an_interrupt_ends_it_at_once_and_keeps_what_came(http_server, tmp_path, way):
    rounds = 3 if way == "fetch" else 1
    part = tmp_path / "a.part"
    taken = []
    for _ in range(rounds):
        a = http_server.serve("/a", Pattern(SIZE), faults=[Stall(CUT)])
        for left in tmp_path.iterdir():
            left.unlink()
        running = program(_INTERRUPTED, a.url, str(tmp_path), way)
        wait_for(lambda: part.exists() and part.stat().st_size >= CUT - 2_000_000)
        running.send_signal(signal.SIGINT)
        status, out, err = finished(running)
        assert (status, err) == (0, "")
        word, seconds, left = out.split(maxsplit=3)[1:]
        assert (word, left.strip()) == ("interrupted", "[]")
        taken.append(float(seconds))
        http_server.drop_connections()
        if way != "open":
            result = sync.fetch(a.url, tmp_path / "a", settings=Settings(trust_env=False))
            assert result.resumed_from > CUT // 2
            assert (tmp_path / "a").read_bytes() == Pattern(SIZE).read()
    # the promise is 0.2 s; a machine under test may be busy, but nothing waited for a timeout of the network
    assert min(taken) < 1.0, taken


def test_an_interrupt_leaves_a_client_that_can_go_on(http_server, tmp_path):
    held = http_server.serve("/held", b"x", faults=[Hold()] * 20)
    good = http_server.serve("/good", b"good")
    running = program(
        """
        import sys, threading
        from asyncfetch import Settings, sync
        held, good = sys.argv[1:]
        with sync.Client(settings=Settings(trust_env=False)) as client:
            for number in range(20):
                print("waiting", flush=True)
                try:
                    client.read(held)
                except KeyboardInterrupt:
                    names = [one.name for one in threading.enumerate()]
                    ours = [name for name in names if name.startswith("asyncfetch")]
                    print(client.read(good).decode(), ours, flush=True)
        """,
        held.url,
        good.url,
    )
    for number in range(20):
        http_server.wait_until(lambda number=number: held.hits == number + 1)
        running.send_signal(signal.SIGINT)
        http_server.wait_until(lambda number=number: good.hits == number + 1)
    status, out, err = finished(running)
    assert (status, err) == (0, "")
    assert out.splitlines() == ["waiting", "good ['asyncfetch sync client']"] * 20


@pytest.mark.parametrize("way", ["fetch", "thread", "generator", "open", "nothing"])
def test_a_program_that_forgets_to_close_ends_quietly(http_server, tmp_path, way):
    held = http_server.serve("/held", Pattern(SIZE), always=[Stall(1_000_000)])
    a = http_server.serve("/a", b"a")
    running = program(
        """
        import sys, threading
        from asyncfetch import Settings, sync
        held, a, way, folder = sys.argv[1:]
        client = sync.Client(settings=Settings(trust_env=False))
        assert client.read(a) == b"a"
        if way == "thread":
            threading.Thread(target=client.fetch, args=(held, folder + "/x"), daemon=True).start()
        elif way == "generator":
            outcomes = client.as_fetched([a, held])
            next(outcomes)
        elif way == "open":
            context = client.open(held)
            body = context.__enter__()
            body.read(10)
        elif way == "fetch":
            client.fetch(a, folder + "/b")
        print("end", flush=True)
        """,
        held.url,
        a.url,
        way,
        str(tmp_path),
    )
    running.wait(20)
    status, out, err = finished(running)
    assert (status, out) == (0, "end\n")
    if way != "thread":  # its own thread is told why the fetch ended
        assert err == ""
    for word in ("destroyed", "never awaited", "never retrieved", "ResourceWarning", "Fatal"):
        assert word not in err


_FORKED = """
    import os, sys, threading, warnings
    from asyncfetch import MistakeError, Settings, sync
    warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads, which is the point
    url, held = sys.argv[1:]
    client = sync.Client(settings=Settings(trust_env=False))
    assert client.read(url) == b"a"
    outcomes = client.as_fetched([url, held])
    next(outcomes)
    busy = threading.Thread(target=lambda: client.fetch_all([held] * 3), daemon=True)
    busy.start()
    context = client.open(url)
    body = context.__enter__()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for what in (lambda: next(outcomes), lambda: body.raw.readall()):
                try:
                    what()
                except MistakeError as error:
                    assert "forked" in str(error), error
                else:
                    raise AssertionError("it went on without its thread")
            context.__exit__(None, None, None)
            assert client.read(url) == b"a"
            with sync.Client(settings=Settings(trust_env=False)) as other:
                assert other.read(url) == b"a"
            assert sync.read(url, settings=Settings(trust_env=False)) == b"a"
            client.close()
            assert threading.active_count() == 1, threading.enumerate()
            status = 0
        finally:
            if status:
                import traceback
                traceback.print_exc()
            sys.stderr.flush()
            sys.exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert body.read() == b"a"
    context.__exit__(None, None, None)
    assert client.read(url) == b"a"
    client.close()
    print("parent", threading.active_count())
"""


def test_a_fork_in_the_middle(http_server):
    a = http_server.serve("/a", b"a")
    held = http_server.serve("/held", b"x", always=[Hold()])
    status, out, err = finished(program(_FORKED, a.url, held.url))
    assert "Traceback" not in err.partition("Exception in thread")[0], err
    assert status == 0, err
    assert out.startswith("parent ")


def test_workers_of_multiprocessing_use_the_client_they_inherit(http_server):
    a = http_server.serve("/a", b"a")
    running = program(
        """
        import multiprocessing, sys, warnings
        from asyncfetch import Settings, sync
        warnings.simplefilter("ignore", DeprecationWarning)
        client = sync.Client(settings=Settings(trust_env=False))

        def work(url):
            return client.read(url)

        if __name__ == "__main__":
            client.read(sys.argv[1])
            with multiprocessing.get_context("fork").Pool(3) as pool:
                print(pool.map(work, [sys.argv[1]] * 9))
        """,
        a.url,
    )
    status, out, err = finished(running)
    assert (status, err) == (0, "")
    assert out.strip() == repr([b"a"] * 9)
