"""One plot for a README: a bar for each client of a row, as long as it is fast, the fastest filled: SVG, and PNG."""

from __future__ import annotations

import subprocess
from html import escape
from typing import TYPE_CHECKING

from .peers import OURS, peers_python

if TYPE_CHECKING:
    from pathlib import Path

    from .measure import Series

_WIDTH, _BAR, _GAP, _NAMES = 720, 16, 4, 170
_OURS_COLOUR, _PEER_COLOUR, _INK = "#0b7285", "#adb5bd", "#212529"


def plot(pictures: dict[str, tuple[str, dict[str, Series]]]) -> str:
    """Draw the rows that have runs."""
    parts: list[str] = []
    top = 10
    for title, series in pictures.values():
        ran = sorted((one for one in series.values() if one.samples), key=lambda one: one.median("wall"))
        if not ran:
            continue
        parts.append(_text(10, top + 14, title, weight="bold"))
        top += 24
        fastest = ran[0].median("wall")
        for one in ran:
            parts += _bar(one, top, fastest / one.median("wall"))
            top += _BAR + _GAP
        top += 14
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" font-family="sans-serif">'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{top}" fill="white"/>', *parts, "</svg>", ""])


_PAINT = """
import pathlib, sys, resvg_py
painted = resvg_py.svg_to_bytes(svg_path=sys.argv[1], sans_serif_family="DejaVu Sans", zoom=2)
pathlib.Path(sys.argv[2]).write_bytes(bytes(painted))
"""


def paint(svg: Path, png: Path) -> bool:
    """Make a PNG of an SVG with resvg of the peers' environment; False where there is none."""
    painted = subprocess.run([peers_python(), "-c", _PAINT, str(svg), str(png)], capture_output=True, check=False)
    return painted.returncode == 0


def _bar(one: Series, top: int, share: float) -> list[str]:
    colour = _OURS_COLOUR if one.name.startswith(OURS) else _PEER_COLOUR
    length = max(1.0, share * (_WIDTH - _NAMES - 110))
    told = f"{one.median('wall'):.2f} s{' *' if one.verifies is False else ''}"
    return [
        _text(_NAMES - 8, top + 13, one.name, anchor="end"),
        f'<rect x="{_NAMES}" y="{top}" width="{length:.1f}" height="{_BAR}" fill="{colour}"/>',
        _text(_NAMES + length + 6, top + 13, told),
    ]


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="12" fill="{_INK}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )
