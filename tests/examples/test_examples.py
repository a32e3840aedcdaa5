"""Every example does what its first line says, against servers on this machine."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from contextlib import asynccontextmanager

import anyio
import pytest

import asyncfetch
from asyncfetch.testing import Cut, FarEnd, Pattern, Status, check_transport
from asyncfetch.testing.ftp import FtpServer

from .conftest import FOLDER

DATA = Pattern(300_000, seed=8).read()
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py"))
TESTED = {
    "custom_scheme", "install_from_lock", "legacy_script", "mirrors", "pooch_registry", "prefetch_repodata",
    "requests_session",
}  # fmt: skip


def digest_of(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def archive_of(**files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{name}.txt")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def test_each_one_is_run_here():
    assert set(PROGRAMS) == TESTED


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_one_is_short_and_says_how_to_call_it(name):
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert f"python {name}.py" in text.split('"""')[1]


def test_the_installer_unpacks_what_a_lock_file_names(example, http_server, tmp_path, capsys):
    packages = {f"p{number}": archive_of(**{f"file{number}": b"%d" % number * 1000}) for number in range(20)}
    lines = ["# a lock file", ""]
    for name, data in packages.items():
        page = http_server.serve(f"/{name}.tar.gz", data, faults=[Status(503, retry_after=0)] if name == "p3" else [])
        lines.append(f"{page.url} {digest_of(data)}")
    lines.append(f"{http_server.url('/gone.tar.gz')} {digest_of(packages['p1'])} {http_server.url('/p1.tar.gz')}")
    (tmp_path / "good.lock").write_text("\n".join(lines))
    install = example("install_from_lock").install
    assert anyio.run(install, tmp_path / "good.lock", tmp_path / "prefix", tmp_path / "cache") == []
    assert {path.name for path in (tmp_path / "prefix").iterdir()} == {f"file{number}.txt" for number in range(20)}
    assert capsys.readouterr().out.count("installed") == 21
    bad = http_server.serve("/bad.tar.gz", b"no archive")
    more = [f"{http_server.url('/none.tar.gz')} {digest_of(b'')}", f"{bad.url} {digest_of(b'no archive')}"]
    (tmp_path / "bad.lock").write_text("\n".join(more))
    problems = sorted(anyio.run(install, tmp_path / "bad.lock", tmp_path / "prefix", tmp_path / "cache"))
    assert problems[0].startswith("could not unpack")
    assert problems[1].startswith("found nothing at")


def test_the_installer_as_a_program(http_server, tmp_path):
    data = archive_of(one=b"1")
    page = http_server.serve("/p.tar.gz", data)
    (tmp_path / "a.lock").write_text(f"{page.url} {digest_of(data)}\n{page.url}-none {digest_of(b'')}\n")
    command = [sys.executable, "-W", "error", FOLDER / "install_from_lock.py", "a.lock", "prefix"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout) == (1, "installed p.tar.gz: 1 files\n")
    assert "found nothing at" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_legacy_script_brings_a_folder_up_to_date(example, http_server, tmp_path, capsys):
    update = example("legacy_script").update
    base = http_server.url("/data/")
    assert update(base, tmp_path / "target") == 2
    http_server.serve("/data/index.txt", b"a b none")
    a, b = http_server.serve("/data/a", DATA), http_server.serve("/data/b", b"b", faults=[Cut(0)])
    http_server.serve("/data/changes.log", b"one\ntwo\nthree\nfour\n")
    assert update(base, tmp_path / "target") == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [f"fetched a: {len(DATA)} bytes", "fetched b: 1 bytes", "two", "three", "four"]
    assert "found nothing at" in err
    assert (tmp_path / "target" / "a").read_bytes() == DATA
    http_server.serve("/data/index.txt", b"a b")
    assert update(base, tmp_path / "target") == 0
    assert capsys.readouterr().out.startswith("kept    a\nkept    b\n")
    assert (a.body_bytes_sent, b.body_bytes_sent) == (len(DATA), 1)


def test_the_session_reads_every_scheme(example, http_server, tmp_path, capsys):
    pytest.importorskip("requests")
    main = example("requests_session").main
    a = http_server.serve("/a", DATA)
    (tmp_path / "source").write_bytes(b"of a disk")
    with FtpServer() as ftp:
        urls = [a.url, ftp.serve("b", b"of ftp").url, f"file://{tmp_path}/source", http_server.url("/none")]
        assert main("target", *urls) == 1
        first = capsys.readouterr().out.splitlines()
        assert main("target", *urls[:3]) == 0
        second = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2].split()[0] for line in first] == ["fetched", "fetched", "fetched", "failed:"]
    assert [line.rpartition(": ")[2] for line in second] == ["unchanged"] * 3
    assert (tmp_path / "target" / "a").read_bytes() == DATA
    assert (tmp_path / "target" / "b").read_bytes() == b"of ftp"
    assert (tmp_path / "target" / "source").read_bytes() == b"of a disk"


def test_the_registry_fetches_what_is_missing_and_shows_it(example, http_server, tmp_path, capsys):
    main = example("pooch_registry").main
    pages = {name: http_server.serve(f"/{name}", name.encode() * 1000) for name in ("a.csv", "b.csv")}
    lines = [f"{name} {page.digest.removeprefix('sha256:')}" for name, page in pages.items()]
    (tmp_path / "registry.txt").write_text("\n".join(["# data", *lines]))
    assert main("registry.txt", http_server.url("/"), "cache") == 0
    assert "/cache/a.csv  5000\n" in capsys.readouterr().err
    assert main("registry.txt", http_server.url("/"), "cache") == 0
    assert [page.hits for page in pages.values()] == [1, 1]
    assert main("registry.txt", http_server.url("/"), "other", "b.csv") == 0
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["b.csv"]
    (tmp_path / "wrong.txt").write_text(f"a.csv {'0' * 64}")
    assert main("wrong.txt", http_server.url("/"), "third") == 1
    assert "a.csv: did not accept" in capsys.readouterr().err


def test_one_registry_gives_paths(example, http_server, tmp_path):
    page = http_server.serve("/a.csv", b"1,2")
    registry = example("pooch_registry").Registry(f"a.csv {page.digest}", http_server.url("/"), tmp_path / "cache")
    try:
        assert registry.fetch("a.csv").read_bytes() == b"1,2"
        with pytest.raises(KeyError):
            registry.fetch("unknown")
    finally:
        registry.close()


def test_repodata_is_fresh_before_a_solver_begins(example, http_server, tmp_path, capsys):
    main = example("prefetch_repodata").main
    packages = {"linux-64": {"packages": {"a-1-0.tar.bz2": {}}, "packages.conda": {"a-1-1.conda": {}}}, "noarch": {}}
    pages = {
        name: http_server.serve(
            f"/channel/{name}/repodata.json", json.dumps({"info": {"subdir": name}, **data}).encode()
        )
        for name, data in packages.items()
    }
    arguments = [str(tmp_path / "cache"), "linux-64,noarch", http_server.url("/channel")]
    assert anyio.run(main, *arguments) == 0
    first = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2].partition(",")[0] for line in first[:2]] == ["fetched", "fetched"]
    assert first[2].startswith("2 packages to choose from, in ")
    assert anyio.run(main, *arguments) == 0
    assert "fetched" not in capsys.readouterr().out
    assert [page.body_bytes_sent for page in pages.values()] == [len(page.data) for page in pages.values()]
    http_server.serve("/other/linux-64/repodata.json.zst", always=[Status(403)])
    http_server.serve("/other/linux-64/repodata.json", always=[Status(403)])
    assert anyio.run(main, str(tmp_path / "cache"), "linux-64", http_server.url("/other")) == 1
    out, err = capsys.readouterr()
    assert "linux-64: failed" in out
    assert "was refused access to" in err


def test_mirrors_of_several_schemes(example, http_server, tmp_path, capsys):
    main = example("mirrors").main
    cut = http_server.serve("/a", DATA, always=[Cut(200_000)])
    with FtpServer() as ftp:
        wrong, right = ftp.serve("wrong", DATA[:-1] + b"?"), ftp.serve("a", DATA)
        arguments = [digest_of(DATA), str(tmp_path / "a"), http_server.url("/none"), cut.url, wrong.url, right.url]
        assert anyio.run(main, *arguments) == 0
        out, err = capsys.readouterr()
        assert f"{len(DATA)} bytes from {right.url}" in out
        assert f"next: {right.url}" in err
        assert (tmp_path / "a").read_bytes() == DATA
        assert anyio.run(main, digest_of(b"other"), str(tmp_path / "b"), wrong.url) == 1
    assert "did not accept" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_scheme_of_one_s_own(example, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/b c.txt", DATA)
    module = example("custom_scheme")
    anyio.run(module.main, f"zip://{tmp_path}/a.zip?a/b%20c.txt", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == DATA
    assert f"{len(DATA)} bytes" in capsys.readouterr().out
    for url in (f"zip://{tmp_path}/a.zip?none", f"zip://{tmp_path}/none.zip?a"):
        with pytest.raises(asyncfetch.NotFound):
            anyio.run(module.main, url, str(tmp_path / "none"))


def test_a_scheme_of_one_s_own_keeps_the_rules(example, tmp_path):
    module = example("custom_scheme")

    class Zips(FarEnd):
        scheme = "zip"

        def publish(self, name, data):
            place = tmp_path / f"{hashlib.md5(name.encode()).hexdigest()}.zip"
            with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("member", data)
            return self.url(name)

        def url(self, name):
            return f"zip://{tmp_path}/{hashlib.md5(name.encode()).hexdigest()}.zip?member"

    @asynccontextmanager
    async def make():
        yield module.ZipTransport(), Zips()

    anyio.run(check_transport, make)
