"""Who we are to a server."""

from __future__ import annotations

import logging

import pytest

from asyncfetch import Bearer, InvalidUrl, MistakeError, Url
from asyncfetch._transports.ftp.credentials import ANONYMOUS, Credentials, Login


def of(url, auth=None, env=None):
    return Credentials(auth, env or {}, "utf-8").of(Url(url))


@pytest.fixture
def netrc(tmp_path):
    path = tmp_path / "netrc"
    path.write_text(
        "machine h login stored password kept\nmachine other login o password p\ndefault login d password d\n"
    )
    path.chmod(0o600)
    return {"NETRC": str(path)}


def test_the_url_decides():
    assert of("ftp://me:p%40ss%2F%3A%25@h/") == Login("me", "p@ss/:%")
    assert of("ftp://me:@h/") == Login("me", "")
    assert of("ftp://me@h/") == Login("me", "")
    assert of("ftp://d%C3%A9:%E2%82%AC@h/") == Login("dÃ©", "â\x82¬")  # UTF-8, a character a byte
    assert of("ftp://h/") == ANONYMOUS


def test_netrc(netrc):
    assert of("ftp://h/x", env=netrc) == Login("stored", "kept")
    assert of("ftp://H/x", env=netrc) == Login("stored", "kept")
    assert of("ftp://stored@h/", env=netrc) == Login("stored", "kept")
    assert of("ftp://somebody@h/", env=netrc) == Login("somebody", "")
    assert of("ftp://me:pw@h/", env=netrc) == Login("me", "pw")
    assert of("ftp://h.evil.test/", env=netrc) == ANONYMOUS  # nor is `default` shown to anyone


def test_netrc_at_home(tmp_path, netrc):
    (tmp_path / "netrc").rename(tmp_path / ".netrc")
    assert of("ftp://h/x", env={"HOME": str(tmp_path)}) == Login("stored", "kept")
    assert of("ftp://h/x", env={"HOME": str(tmp_path / "nowhere")}) == ANONYMOUS


def test_a_netrc_that_cannot_be_read_is_said_without_its_secrets(tmp_path, caplog):
    path = tmp_path / "netrc"
    path.write_text("machine h login me secretword password\n")
    with caplog.at_level(logging.WARNING):
        assert of("ftp://h/", env={"NETRC": str(path)}) == ANONYMOUS
        assert of("ftp://h/", env={"NETRC": str(tmp_path / "none")}) == ANONYMOUS
    assert len(caplog.records) == 2
    assert "secretword" not in caplog.text


def test_auth_is_by_place_not_by_prefix_of_text(netrc):
    auth = {"ftp://h/pub": ("a", "1"), "ftp://h/pub/inner/": ("b", "2"), "https://h/": Bearer("not ours")}
    assert of("ftp://h/pub/x", auth) == Login("a", "1")
    assert of("ftp://h/pub", auth) == Login("a", "1")
    assert of("ftp://h/pub/inner/x", auth) == Login("b", "2")
    assert of("ftp://h/public/x", auth) == ANONYMOUS
    assert of("ftp://h/pub/../x", auth) == ANONYMOUS
    assert of("ftp://h.evil.test/pub/x", auth) == ANONYMOUS
    assert of("ftps://h/pub/x", auth) == ANONYMOUS
    assert of("ftp://h:2121/pub/x", auth) == ANONYMOUS
    assert of("ftp://me:pw@h/pub/x", auth) == Login("me", "pw")
    assert of("ftp://h/pub/x", auth, netrc) == Login("a", "1")


@pytest.mark.parametrize(("prefix", "value"), [("ftp://h/", Bearer("t")), ("ftp://h/", ("a",)), ("h", ("a", "b"))])
def test_auth_that_cannot_be_meant(prefix, value):
    with pytest.raises(MistakeError):
        Credentials({prefix: value}, {}, "utf-8")


@pytest.mark.parametrize("who", ["a%0D%0ADELE x:pw", "a:p%0Aw", "a:%00", "%0d:x"])
def test_what_would_be_a_command_is_refused(who):
    with pytest.raises(InvalidUrl, match=r"CR, LF or NUL in the (user|password)") as caught:
        of(f"ftp://{who.replace(' ', '%20')}@h/")
    assert "DELE" not in str(caught.value)


def test_what_becomes_a_command_on_the_way_is_refused():
    """U+008E is the line feed of EBCDIC."""
    with pytest.raises(InvalidUrl, match="CR, LF or NUL in the user"):
        Credentials(None, {}, "cp037").of(Url("ftp://me%C2%8EDELE:pw@h/"))


def test_the_port_of_ftp_is_its_own_whether_stated_or_not():
    assert of("ftp://h:21/x", {"ftp://h/": ("a", "1")}) == Login("a", "1")
    assert of("ftp://h/x", {"ftp://h:21/": ("a", "1")}) == Login("a", "1")


def test_a_path_from_the_root_is_not_that_from_the_login_folder():
    auth = {"ftp://h//srv/": ("a", "1"), "ftp://h/%2Fvar": ("b", "2")}
    assert of("ftp://h//srv/x", auth) == Login("a", "1")
    assert of("ftp://h/%2Fsrv/x", auth) == Login("a", "1")
    assert of("ftp://h//var/x", auth) == Login("b", "2")
    assert of("ftp://h/srv/x", auth) == of("ftp://h/var/x", auth) == ANONYMOUS


def test_nothing_is_shown():
    assert "pw" not in repr(Login("me", "pw"))
    assert "me" not in repr(Login("me", "pw"))
