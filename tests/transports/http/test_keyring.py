"""Programs that know credentials: asked once, late, briefly, and never of others' business."""

import sys

import anyio
import pytest

from asyncfetch import AccessDenied, Client, Keyring, MistakeError
from asyncfetch._transports.http.credentials import basic
from asyncfetch._transports.http.keyring import LONGEST, Asked
from asyncfetch.testing import RequireBasic

pytestmark = pytest.mark.anyio


def program(code, **more):
    return Keyring(command=(sys.executable, "-c", code), **more)


async def said(keyring, user=None):
    return await Asked().ask(keyring, ("https://h.example/", "h.example"), user, basic)


@pytest.mark.parametrize(
    ("code", "user", "value"),
    [
        ("print('me'); print('pw')", None, basic("me", "pw")),
        ("print('me\\r\\np w\\u00fc\\r')", None, basic("me", "p w\u00fc")),
        ("print('t0k')", None, "Bearer t0k"),
        ("print('pw')", "me", basic("me", "pw")),
        ("import sys; print(*sys.argv[1:], sep='+')", "me", basic("me", "https://h.example/+me")),
        ("import sys; sys.exit(1) if sys.argv[1] != 'h.example' else print('t')", None, "Bearer t"),  # asked second
        ("", None, None),
        ("print()", "me", None),
        ("print('t0 k')", None, None),
        ("print('a:b'); print('pw')", None, None),
        ("print('a\\x07b')", None, None),
        ("print('me'); print('pw'); raise SystemExit(1)", None, None),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", None, None),
        (f"print('x' * {LONGEST + 1})", None, None),
        ("print(input())", None, None),  # nothing to read: no prompt waits for ever
    ],
)
async def test_what_it_says(code, user, value):
    assert await said(program(code), user) == value


async def test_a_program_that_is_not_there(caplog):
    assert await said(Keyring(command=("/absent/s3cret-keyring",))) is None
    assert "/absent/s3cret-keyring" in caplog.text


async def test_one_that_never_ends_is_ended_with_its_children(tmp_path):
    """Its child holds our end of the pipe open, and would tell of itself if it lived on."""
    marker = tmp_path / "alive"
    child = f"import time; time.sleep(0.6); open({str(marker)!r}, 'w')"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    assert await said(program(code, seconds=0.3)) is None
    with anyio.move_on_after(1):
        while not marker.exists():  # noqa: ASYNC110 - it is waited for not to come
            await anyio.sleep(0.05)
    assert not marker.exists()


async def test_one_that_leaves_a_child_behind_is_not_waited_for():
    child = "import time; time.sleep(60)"
    code = f"import subprocess, sys; print('t0k', flush=True); subprocess.Popen([sys.executable, '-c', {child!r}])"
    with anyio.fail_after(20):
        assert await said(program(code)) == "Bearer t0k"


async def test_being_cancelled_ends_it(tmp_path):
    began = tmp_path / "began"
    code = f"import os, time; open({str(began)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    async with anyio.create_task_group() as group:
        group.start_soon(said, program(code))
        while not began.exists() or not began.read_text():  # noqa: ASYNC110 - another process tells
            await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    import os

    with pytest.raises(ProcessLookupError):
        os.kill(int(began.read_text()), 0)


@pytest.mark.parametrize("knows", [True, False])
async def test_it_is_asked_once_at_the_first_refusal(http_server, tmp_path, knows):
    count = tmp_path / "count"
    found = "print('me'); print('pw')" if knows else "raise SystemExit(1)"
    keyring = program(f"open({str(count)!r}, 'a').write('x'); {found}")
    http_server.serve("/open", b"x")
    guarded = http_server.serve("/guarded", b"x", always=[RequireBasic("me", "pw")])
    async with Client(auth={http_server.url("/"): keyring}) as client:
        await client.read(http_server.url("/open"))
        assert not count.exists()

        async def ask():
            if knows:
                assert await client.read(guarded.url) == b"x"
            else:
                with pytest.raises(AccessDenied):
                    await client.read(guarded.url)

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask)
        await ask()
    assert count.read_text() in ({"x"} if knows else {"xx"})  # for the URL, and for the host alone


async def test_the_user_of_the_url_is_who_it_is_asked_for(http_server):
    guarded = http_server.serve("/a", b"x", always=[RequireBasic("you", "pw-of-you")])
    keyring = program("import sys; print('pw-of-' + sys.argv[2])")
    async with Client(auth={http_server.url("/"): keyring}) as client:
        assert await client.read(guarded.url.replace("//", "//you@")) == b"x"


async def test_an_authorization_of_the_callers_is_the_last_word(http_server):
    guarded = http_server.serve("/a", b"x", always=[RequireBasic("me", "pw")])
    async with Client(auth={http_server.url("/"): program("print('me'); print('pw')")}) as client:
        with pytest.raises(AccessDenied):
            await client.read(guarded.url, headers={"Authorization": "Basic x"})
    assert guarded.hits == 1


@pytest.mark.parametrize("wrong", [{"command": ()}, {"command": "keyring"}, {"command": (1,)}, {"seconds": "x"}])
def test_keyrings_that_cannot_be_meant(wrong):
    with pytest.raises(MistakeError):
        Keyring(**wrong)


def test_it_shows_nothing_of_its_command():
    assert "s3cret" not in repr(Keyring(command=("x", "s3cret")))


@pytest.mark.parametrize("user", ["--help", "-p%2Ftmp", "a%0ab", "a%00"])
async def test_the_user_of_a_url_is_no_option(http_server, tmp_path, user):
    """URLs come from lists that anyone may have written; programs read options wherever they stand."""
    marker = tmp_path / "ran"
    guarded = http_server.serve("/a", b"x", always=[RequireBasic("me", "pw")])
    keyring = program(f"open({str(marker)!r}, 'w')")
    async with Client(auth={http_server.url("/"): keyring}) as client:
        with pytest.raises(MistakeError, match="could be an option"):
            await client.read(guarded.url.replace("//", f"//{user}@"))
    assert not marker.exists()
    with_own = Keyring(user="-me", command=keyring.command)  # stated: nobody's trick
    async with Client(auth={http_server.url("/"): with_own}) as client:
        with pytest.raises(AccessDenied):
            await client.read(guarded.url)
    assert marker.exists()
