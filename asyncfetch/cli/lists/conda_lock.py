"""conda-lock.yml (version 1): the files of one platform, of conda and of pip, every category.

The platform is that of this machine (``linux-64``) unless the caller names one. Reading YAML takes PyYAML (extra
``cli``).
"""

from __future__ import annotations

import platform as machine
import sys
from typing import TYPE_CHECKING, Any

import asyncfetch

from .source import Unreadable, best_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .source import ListMistake, Source

_LINE = "\0line"  # no key of a document can hold a NUL


def read(source: Source, platform: str | None = None) -> Iterator[asyncfetch.Fetch | ListMistake]:
    """Read a conda-lock.yml."""
    packages = _packages(source)
    wanted = platform or this_platform()
    seen = set()
    for package in packages:
        line = package.get(_LINE) if isinstance(package, dict) else None
        try:
            if not isinstance(package, dict) or not isinstance(package.get("url"), str):
                raise Unreadable("a package without a url")
            seen.add(str(package.get("platform")))
            if package.get("platform") == wanted:
                yield asyncfetch.Fetch(package["url"], digest=_digest(package.get("hash")))
        except ValueError as error:
            yield source.mistake(error, line)
    if seen and wanted not in seen:
        yield source.mistake(f"it has no packages for {wanted}, only for {', '.join(sorted(seen))}")


def this_platform() -> str:
    """Give conda's name of this machine."""
    system = {"linux": "linux", "darwin": "osx", "win32": "win"}.get(sys.platform, sys.platform)
    processor = machine.machine().lower()
    if processor in ("x86_64", "amd64"):
        return f"{system}-64"
    if processor in ("arm64", "aarch64"):
        return f"{system}-{'aarch64' if system == 'linux' else 'arm64'}"
    return f"{system}-{processor}"


def _packages(source: Source) -> list[Any]:
    try:
        import yaml
    except ImportError as error:
        raise source.mistake("reading conda-lock.yml takes PyYAML; install asyncfetch[cli]") from error
    text = source.whole_text()
    try:
        data = yaml.load(text, Loader=_numbered_loader())  # noqa: S506 - derived from BaseLoader: strings, lists, dicts
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise source.mistake(f"not YAML: {error.problem}", mark.line + 1 if mark else 1) from error
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise source.mistake(
            f"not YAML: {str(error).splitlines()[0] if str(error) else 'nested too deeply'}", 1
        ) from error
    if not isinstance(data, dict) or data.get("version") != "1" or not isinstance(data.get("package"), list):
        raise source.mistake("not a conda-lock.yml of version 1: `version: 1` or the list `package` is missing", 1)
    return list(data["package"])


def _numbered_loader() -> Any:
    """A loader of plain strings, lists and mappings, every mapping with the number of its first line."""
    import yaml

    base: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # with libyaml ten times as fast

    class Loader(base):  # type: ignore[misc]  # the base is chosen when it runs
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's
            mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
            mapping[_LINE] = node.start_mark.line + 1
            return mapping

    return Loader


def _digest(hashes: object) -> str | None:
    if hashes is None:
        return None
    if not isinstance(hashes, dict):
        raise Unreadable("`hash` is not a mapping")
    pairs = [(str(name), value) for name, value in hashes.items() if name != _LINE]
    if not all(isinstance(value, str) for _, value in pairs):
        raise Unreadable("a hash is a string")
    return best_digest([(name, value) for name, value in pairs if value])
