"""A program that has a ``requests.Session`` and keeps it: adapters give it s3, ftp and file, and our wire for http.

    python requests_session.py target/ URL...

Nothing below knows of asyncfetch but ``make_session``: statuses, headers, streams and exceptions are those of requests.
"""

from __future__ import annotations

import sys
from pathlib import Path

import requests

from asyncfetch.integrations.requests import Adapter


def make_session() -> requests.Session:
    """Make a session for every scheme there is."""
    session = requests.Session()
    session.headers["User-Agent"] = "example/1.0"
    adapter = Adapter()
    for scheme in ("http", "https", "s3", "ftp", "ftps", "file"):
        session.mount(f"{scheme}://", adapter)
    return session


def download(session: requests.Session, url: str, target: Path) -> str:
    """Download one file unless it is unchanged; gives a word for what happened."""
    tag = target.with_name(target.name + ".etag")
    headers = {"If-None-Match": tag.read_text()} if target.exists() and tag.exists() else {}
    with session.get(url, stream=True, headers=headers, timeout=(10, 30)) as response:
        if response.status_code == 304:
            return "unchanged"
        if response.status_code in {401, 403}:
            return "refused"
        response.raise_for_status()
        with target.open("wb") as file:
            for chunk in response.iter_content(1 << 16):
                file.write(chunk)
        if "ETag" in response.headers:
            tag.write_text(response.headers["ETag"])
    return f"fetched {target.stat().st_size} bytes"


def main(folder: str, *urls: str) -> int:
    """Download everything; gives an exit status."""
    status = 0
    Path(folder).mkdir(parents=True, exist_ok=True)
    with make_session() as session:
        for url in urls:
            try:
                word = download(session, url, Path(folder, url.rpartition("/")[2]))
            except requests.RequestException as error:
                status, word = 1, f"failed: {error}"
            print(f"{url}: {word}")
    return status


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
