"""pylock.toml (PEP 751): for each package the one file that this machine would install.

Which file: the archive; else the wheel that fits this Python best, else the sdist. Packages whose marker does not hold
here are left out. Telling what fits takes the ``packaging`` library; without it every package counts, and of several
wheels the one for every platform (``-none-any``) is taken, else all of them. What cannot be fetched (a version control
system, a directory, a file by path) is named and left out.
"""

from __future__ import annotations

import logging
import re
import tomllib
from typing import TYPE_CHECKING, Any

import asyncfetch

from .source import Unreadable, best_digest, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .source import ListMistake, Source

_log = logging.getLogger("asyncfetch.cli")
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*packages[ \t]*\]\]", re.MULTILINE)


def read(source: Source) -> Iterator[asyncfetch.Fetch | ListMistake]:
    """Read a pylock.toml."""
    text = source.whole_text()
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"at line (\d+)", str(error))
        raise source.mistake(f"not TOML: {error}", int(place[1]) if place else text.count("\n") + 1) from error
    version = data.get("lock-version")
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise source.mistake(f"not a pylock.toml of version 1: lock-version is {version!r}", 1)
    packages = data.get("packages", [])
    if not isinstance(packages, list):
        raise source.mistake("`packages` is not an array of tables", 1)
    lines = [text.count("\n", 0, match.start()) + 1 for match in _HEADER.finditer(text)]
    for index, package in enumerate(packages):
        line = lines[index] if len(lines) == len(packages) else 1
        try:
            if not isinstance(package, dict) or not isinstance(package.get("name"), str):
                raise Unreadable("a package without a name")
            if _wanted(package):
                yield from [_wish(file) for file in _files(package, source, line)]
        except ValueError as error:
            yield source.mistake(error, line)


def _wanted(package: dict[str, Any]) -> bool:
    marker = package.get("marker")
    if marker is None:
        return True
    if not isinstance(marker, str):
        raise Unreadable("a marker is a string")
    try:
        from packaging.markers import Marker, UndefinedEnvironmentName
    except ImportError:
        return True
    try:
        return bool(Marker(marker).evaluate({"extra": ""}))
    except UndefinedEnvironmentName:
        return True  # it asks about extras or groups, which nobody chose: rather one file too many
    except ValueError as error:
        raise Unreadable(f"the marker {marker!r} cannot be read") from error


def _files(package: dict[str, Any], source: Source, line: int) -> list[dict[str, Any]]:
    """Choose the files of one package."""
    if isinstance(package.get("archive"), dict):
        return _fetchable([package["archive"]], package, source, line)
    wheels = package.get("wheels") or []
    if not isinstance(wheels, list) or not all(isinstance(wheel, dict) for wheel in wheels):
        raise Unreadable(f"the wheels of {package['name']} are not an array of tables")
    wheels = _fitting(wheels)
    if wheels:
        return _fetchable(wheels, package, source, line)
    if isinstance(package.get("sdist"), dict):
        return _fetchable([package["sdist"]], package, source, line)
    if package.get("wheels"):
        raise Unreadable(f"no wheel of {package['name']} fits this machine, and it has no sdist")
    _log.warning("%s line %d: %s is not a file that can be fetched", source.name, line, package["name"])
    return []


def _fetchable(files: list[dict[str, Any]], package: dict[str, Any], source: Source, line: int) -> list[dict[str, Any]]:
    found = [file for file in files if isinstance(file.get("url"), str)]
    if not found:
        _log.warning("%s line %d: %s has a path and no URL", source.name, line, package["name"])
    return found


def _fitting(wheels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not wheels:
        return wheels
    try:
        from packaging.tags import sys_tags
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename
    except ImportError:
        anywhere = [wheel for wheel in wheels if _wheel_name(wheel).endswith("-none-any.whl")]
        return anywhere[:1] or wheels
    ranks = {tag: rank for rank, tag in enumerate(sys_tags())}
    ranked = []
    for place, wheel in enumerate(wheels):
        try:
            tags = parse_wheel_filename(_wheel_name(wheel))[3]
        except InvalidWheelFilename as error:
            raise Unreadable(str(error)) from error
        fits = [ranks[tag] for tag in tags if tag in ranks]
        if fits:
            ranked.append((min(fits), place))
    return [wheels[min(ranked)[1]]] if ranked else []


def _wheel_name(wheel: dict[str, Any]) -> str:
    for key in ("name", "url", "path"):
        if isinstance(wheel.get(key), str):
            text: str = wheel[key]
            return asyncfetch.Url(text).name if key == "url" else text.rpartition("/")[2]
    raise Unreadable("a wheel with neither name nor url nor path")


def _wish(file: dict[str, Any]) -> asyncfetch.Fetch:
    name, hashes = file.get("name"), file.get("hashes", {})
    if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
        raise Unreadable("`hashes` is not a table of strings")
    if name is not None and not isinstance(name, str):
        raise Unreadable("a file name is a string")
    to = None if name is None else safe_name(name)
    return asyncfetch.Fetch(file["url"], to, digest=best_digest(list(hashes.items())), size=file.get("size"))
