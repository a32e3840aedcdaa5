"""What can be said on the command line: the parser, its help, and the values it checks by itself.

Rules: an option means what it means in curl, wget and aria2 where they have it. What is wrong is one line on standard
error that begins with ``asyncfetch: error:``, and status 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import asyncfetch

from . import texts

if TYPE_CHECKING:
    from collections.abc import Callable


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, the same for every command."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and leave with status 2."""
        what, mark, words = message.partition("unrecognized arguments: ")
        if mark:  # the options alone: a password may stand behind one that does not exist
            options = [word.partition("=")[0] for word in words.split() if word.startswith("-")]
            message = what + mark + " ".join(options or ["..."])
        self.exit(2, f"asyncfetch: error: {message} (see {self.prog} --help)\n")


def build() -> Parser:
    """Build the parser of the whole command line."""
    parser = Parser(
        prog="asyncfetch",
        description="Fetch files over http(s), s3, ftp and file:\nverified, resumable, whole or not at all.",
        epilog=texts.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"asyncfetch {asyncfetch.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, required=True)
    reach, output = _reach(), _output()

    def command(name: str, *parents: Parser, **texts: Any) -> argparse.ArgumentParser:
        shape = argparse.RawDescriptionHelpFormatter
        return commands.add_parser(name, parents=parents, formatter_class=shape, allow_abbrev=False, **texts)

    _add_get(
        command(
            "get", reach, output,
            usage="asyncfetch get [URL...] [-i LIST]... [-o FILE | -d DIR] [options]",
            help="fetch files", description="Fetch files, many at a time.", epilog=texts.GET_EPILOG,
        )
    )  # fmt: skip
    _add_looks(command, reach, output)
    _add_repodata(
        command(
            "repodata", reach, output,
            usage="asyncfetch repodata CHANNEL... [--subdir S]... [--cache-dir D] [options]",
            help="keep conda's repodata fresh", description=texts.REPODATA, epilog=texts.REPODATA_EPILOG,
        )
    )  # fmt: skip
    demo = command(
        "demo",
        help="fetch through real servers and show what happened",
        description=texts.DEMO,
        epilog=texts.DEMO_EPILOG,
    )
    demo.add_argument("-v", "--verbose", action="count", default=0, help="log what happens; twice: in detail")
    return parser


def _add_looks(command: Callable[..., argparse.ArgumentParser], reach: Parser, output: Parser) -> None:
    """Add the commands that write no file."""
    cat = command(
        "cat", reach,
        usage="asyncfetch cat URL... [options]",
        help="write a body to standard output",
        description="Write the body of each URL to standard output, as fast as it is read there.",
        epilog="example:\n  asyncfetch cat https://h.example/a.tar.gz | tar tz",
    )  # fmt: skip
    cat.add_argument("urls", metavar="URL", nargs="+")
    cat.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    stat = command(
        "stat", reach, output,
        usage="asyncfetch stat URL... [options]",
        help="size, date, validator and type of a URL",
        description="Show size, date, validator and type of each URL without fetching it;\n- is what is not said.",
        epilog="example:\n  asyncfetch stat https://h.example/a.iso s3://bucket/a.iso",
    )  # fmt: skip
    stat.add_argument("urls", metavar="URL", nargs="+")
    listing = command(
        "list", reach, output,
        usage="asyncfetch list URL [options]",
        help="what is below a URL (s3, ftp, file)",
        description="List what is below a URL: kind, size, date and name.\ns3, ftp and file have listings.",
        epilog="example:\n  asyncfetch list s3://bucket/prefix/ --json",
    )  # fmt: skip
    listing.add_argument("url", metavar="URL")


def _add_get(get: argparse.ArgumentParser) -> None:
    get.add_argument("urls", metavar="URL", nargs="*")
    where = get.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", help="the file to write, for one URL; - is standard output")
    where.add_argument("-d", "--directory", metavar="DIR", default=None, help="the directory for files (default: .)")
    wish = get.add_argument_group("what must hold")
    wish.add_argument(
        "--digest", metavar="ALG:HEX", action="append", default=[], type=_digest,
        help=f"digest of the file, several must all hold; ALG alone computes one ({', '.join(_ALGORITHMS)})",
    )  # fmt: skip
    wish.add_argument("--size", metavar="N", type=_count, help="size of the file in bytes")
    wish.add_argument("--mirror", metavar="URL", action="append", default=[], help="where else the file is; repeatable")
    lists = get.add_argument_group("lists")
    lists.add_argument(
        "-i",
        "--input",
        metavar="LIST",
        action="append",
        default=[],
        help="fetch what a list names; - is standard input",
    )
    lists.add_argument("--platform", metavar="P", help="platform of a conda-lock.yml (default: this machine's)")
    how = get.add_argument_group("how")
    how.add_argument("-j", "--jobs", metavar="N", type=_positive, help="transfers at a time, in all and for one host")
    how.add_argument("--limit-rate", metavar="R", type=rate, help="bytes a second in all: 500k, 10M (k is 1024)")
    how.add_argument("--trace", metavar="FILE", help="write where the time went: Chrome trace events, a row a fetch")
    how.add_argument("--durable", action="store_true", help="make sure that files are on the disk (fsync)")


def _add_repodata(repodata: argparse.ArgumentParser) -> None:
    repodata.add_argument("channels", metavar="CHANNEL", nargs="+", help="a URL, a folder, or a name under --alias")
    repodata.add_argument(
        "--subdir", metavar="S", action="append", default=[], help="repeatable (default: this machine's, and noarch)"
    )
    repodata.add_argument("--cache-dir", metavar="DIR", help="the folder to keep fresh (default: that of conda)")
    repodata.add_argument("--alias", metavar="URL", help="where channels are that have only a name")
    repodata.add_argument(
        "--format", metavar="F", action="append", default=[], choices=("jlap", "zst", "json"),
        help="what to ask for, in this order, of jlap, zst and json; repeatable (default: zst, json)",
    )  # fmt: skip
    repodata.add_argument(
        "--ttl", metavar="S", type=_count, help="seconds without asking; 0 asks always (default: as the source says)"
    )
    repodata.add_argument("--stale", action="store_true", help="take what is held when a source fails")
    repodata.add_argument("-j", "--jobs", metavar="N", type=_positive, help="transfers at a time")


def _reach() -> Parser:
    """Options that say how far ends are reached."""
    shared = Parser(add_help=False)
    reach = shared.add_argument_group("reaching the source")
    reach.add_argument("--header", metavar="'Name: value'", action="append", default=[], type=_header, help="for http")
    reach.add_argument("--timeout", metavar="S", type=_seconds, help="seconds to connect, and without a byte")
    reach.add_argument("--max-time", metavar="S", type=_seconds, help="seconds for a whole fetch")
    reach.add_argument("--retries", metavar="N", type=_count, help="how often a source is asked again (default: 4)")
    reach.add_argument("--offline", action="store_true", help="open no socket at all")
    reach.add_argument("--proxy", metavar="URL", type=_proxy, help="for http and https; else as the environment says")
    reach.add_argument("--no-env", action="store_true", help="read no proxies, netrc or AWS_* from the environment")
    reach.add_argument("--http2", action="store_true", help="speak HTTP/2 where the server does")
    reach.add_argument(
        "--ca-file", metavar="FILE", type=_readable, help="trust these certificates (PEM file or directory)"
    )
    reach.add_argument("--insecure", action="store_true", help="trust anyone: what arrives may come from anywhere")
    reach.add_argument("--client-cert", metavar="FILE", type=_readable, help="our certificate (PEM)")
    reach.add_argument("--client-key", metavar="FILE", type=_readable, help="its key, where it stands in another file")
    s3 = shared.add_argument_group("s3 (else as AWS tools find it)")
    s3.add_argument("--s3-endpoint", metavar="URL", type=_endpoint, help="where s3:// is served")
    s3.add_argument("--s3-region", metavar="R")
    s3.add_argument("--s3-profile", metavar="P")
    s3.add_argument("--no-sign-request", action="store_true", help="without credentials")
    shared.add_argument("-v", "--verbose", action="count", default=0, help="log what happens; twice: in detail")
    return shared


def _output() -> Parser:
    shared = Parser(add_help=False)
    shared.add_argument("--json", action="store_true", help="one object a line for each result or error")
    shared.add_argument("-q", "--quiet", action="store_true", help="say nothing but results and errors")
    return shared


_PROXIES = ("http", "https", "socks5", "socks5h")
_ALGORITHMS = ("sha256", "sha512", "blake2b", "blake2b-256", "sha1", "md5")


def _digest(text: str) -> str:
    try:
        return str(asyncfetch.Digest(text))
    except asyncfetch.MistakeError as error:
        raise argparse.ArgumentTypeError(error.reason) from error


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return int(text)


def _positive(text: str) -> int:
    if (count := _count(text)) < 1:
        raise argparse.ArgumentTypeError("it takes at least 1")
    return count


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < sys.maxsize:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def rate(text: str) -> float:
    """Read a rate such as 500k, 1.5M or 10MiB as bytes a second; k is 1024, as in curl and wget."""
    number = text.strip().lower().removesuffix("/s").removesuffix("b").removesuffix("i")
    power = "kmgt".find(number[-1:]) + 1 if number[-1:] else 0
    try:
        value = float(number[:-1] if power else number) * float(1024**power)
    except ValueError:
        value = 0.0
    if not 1 <= value < sys.maxsize:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate such as 500k or 10M")
    return value


def _readable(text: str) -> str:
    try:
        os.stat(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise argparse.ArgumentTypeError(f"cannot read `{text}`: {reason}") from error
    return text


def _endpoint(text: str) -> str:
    try:
        scheme = asyncfetch.Url(text).scheme
    except asyncfetch.MistakeError as error:
        raise argparse.ArgumentTypeError(error.reason) from error
    if scheme not in {"http", "https"}:
        raise argparse.ArgumentTypeError(f"S3 is served over http and https, not {scheme}")
    return text


def _proxy(text: str) -> str:
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower() not in _PROXIES:
        raise argparse.ArgumentTypeError(f"proxies are reached by {', '.join(_PROXIES)}, not {scheme}")
    return text


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        # its first word: of `Authorization Bearer ...` the rest is secret
        raise argparse.ArgumentTypeError(f"a header is written 'Name: value', not {name.partition(' ')[0]!r} alone")
    try:
        asyncfetch.Fetch("file:///", headers=[(name.strip(), value.strip())])
    except asyncfetch.MistakeError as error:
        raise argparse.ArgumentTypeError(error.reason) from error
    return name.strip(), value.strip()
