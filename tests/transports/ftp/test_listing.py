"""Lines of listings, as servers really write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from asyncfetch._transports.ftp.listing import Line, read_list, read_mlsd, read_time

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def at(*when):
    return datetime(*when, tzinfo=UTC)


# fmt: off
LINES = [
    # vsftpd, proftpd, pure-ftpd
    ("-rw-r--r--    1 0        0             123 Nov 21 11:12 a b.txt", ("a b.txt", "file", 123, at(2025, 11, 21, 11, 12))),  # noqa: E501 - a line as it came
    ("drwxr-xr-x    2 ftp      ftp          4096 Jan 02  2019 pub", ("pub", "directory", None, at(2019, 1, 2))),
    ("-rw-r--r--   1 o        g            1 Mar 10 11:59 now", ("now", "file", 1, at(2026, 3, 10, 11, 59))),
    ("-rw-r--r--   1 o        g            1 Mar 11 11:00 ahead", ("ahead", "file", 1, at(2026, 3, 11, 11, 0))),
    ("-rw-r--r--   1 o        g            1 Mar 12 11:00 last-year", ("last-year", "file", 1, at(2025, 3, 12, 11, 0))),
    ("-rw-r--r--   1 o        g            1 Feb 29 11:00 leap", ("leap", "file", 1, at(2024, 2, 29, 11, 0))),
    ("lrwxrwxrwx    1 0  0   7 Nov 21  2020 latest -> v1/a.gz", ("latest", "other", None, at(2020, 11, 21))),
    ("-rw-r--r--    1 0     0     4294967297 Nov 21  2020 large", ("large", "file", 4294967297, at(2020, 11, 21))),
    ("-rw-r--r--   1 o  g   5 Nov 21  2020  leading", (" leading", "file", 5, at(2020, 11, 21))),
    ("-rw-r--r--   1 o  g   5 Nov 21  2020 trailing ", ("trailing ", "file", 5, at(2020, 11, 21))),
    ("-rw-r--r--+  1 o  g   5 Nov 21  2020 acl", ("acl", "file", 5, at(2020, 11, 21))),
    ("-rwsr-Sr-t   1 o  g   5 Nov 21  2020 bits", ("bits", "file", 5, at(2020, 11, 21))),
    ("-rw-r--r--   1 o       5 Nov 21  2020 no-group", ("no-group", "file", 5, at(2020, 11, 21))),
    ("crw-rw-rw-   1 o  g   5 Nov 21  2020 null", ("null", "other", None, at(2020, 11, 21))),
    ("-rw-r--r--   1 o  g   5 Nov 21  2020 a -> b", ("a -> b", "file", 5, at(2020, 11, 21))),
    # IIS
    ("02-27-20  09:31PM       <DIR>          Some Folder", ("Some Folder", "directory", None, at(2020, 2, 27, 21, 31))),
    ("11-05-2019  12:05AM              1,234 a b.zip", ("a b.zip", "file", 1234, at(2019, 11, 5, 0, 5))),
    ("11-05-2019  12:05PM               1234 noon", ("noon", "file", 1234, at(2019, 11, 5, 12, 5))),
    ("07-01-98  14:00                   5 old", ("old", "file", 5, at(1998, 7, 1, 14, 0))),
    ("02-27-20  09:31PM       <JUNCTION>     link", ("link", "other", None, at(2020, 2, 27, 21, 31))),
]
# fmt: on


@pytest.mark.parametrize(("text", "line"), LINES)
def test_list(text, line):
    assert read_list(text, NOW) == Line(*line)


@pytest.mark.parametrize(
    "text",
    [
        "total 12", "", "hello", "-rw-r--r--", "-rw-r--r-- 1 o g 5 Foo 21 2020 x", "99-99-9999 09:31PM <DIR>",
        "drwxr-xr-x    2 0  0  4096 Jan 02  2019 .", "drwxr-xr-x    2 0  0  4096 Jan 02  2019 ..",
        "-rw-r--r--    1 0  0  4096 Jan 02  2019 ../../etc/passwd", "-rw-r--r--    1 0  0  4096 Jan 02  2019 a\\b",
        "-rw-r--r--    1 0  0  4096 Jan 02  2019 /etc/passwd", "-rw-r--r--    1 0  0  4096 Jan 02  2019 a\0b",
        "11-05-2019  12:05AM              1,234 ..\\x",
    ],
)  # fmt: skip
def test_what_is_no_entry_or_leads_elsewhere(text):
    assert read_list(text, NOW) is None


def test_a_day_that_is_none_leaves_the_time_out():
    assert read_list("-rw-r--r--   1 o  g   5 Feb 31  2020 x", NOW) == Line("x", "file", 5, None)


MLSD = [
    (
        "type=file;size=12;modify=20201121101112;UNIX.mode=0644; a b ",
        ("a b ", "file", 12, at(2020, 11, 21, 10, 11, 12)),
    ),
    ("Type=dir;Modify=20201121101112.250; d", ("d", "directory", None, at(2020, 11, 21, 10, 11, 12, 250_000))),
    ("type=OS.unix=slink:/x;size=1; s", ("s", "other", None, None)),
    ("size=5; untyped", ("untyped", "other", None, None)),
    ("type=file;size=-5;modify=nonsense; odd", ("odd", "file", None, None)),
    (" only-a-name", ("only-a-name", "other", None, None)),
]


@pytest.mark.parametrize(("text", "line"), MLSD)
def test_mlsd(text, line):
    assert read_mlsd(text) == Line(*line)


@pytest.mark.parametrize(
    "text",
    ["type=cdir; .", "type=cdir; itself", "type=pdir; ..", "type=pdir;size=1; up", "type=file; ../x", "type=file;", ""],
)
def test_mlsd_of_the_folder_itself_and_of_what_leads_elsewhere(text):
    assert read_mlsd(text) is None


def test_time():
    assert read_time("20240229235960") == at(2024, 2, 29, 23, 59, 59)  # a leap second
    assert read_time("19691231235959.5") == at(1969, 12, 31, 23, 59, 59, 500_000)
    for text in ("", "2024", "20241301000000", "2024010100000x", "20240101000000 "):
        assert read_time(text) is None
