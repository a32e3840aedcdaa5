"""Bars: progress on a terminal or in a notebook, as an observer for any client. Needs rich (extra ``cli``).

``progress=True`` of a client is the short form.

>>> import asyncfetch
>>> from asyncfetch.cli.progress import Bars
>>> client = asyncfetch.Client(observer=Bars())
"""

from __future__ import annotations

from .._progress.bars import Bars

__all__ = ["Bars"]
