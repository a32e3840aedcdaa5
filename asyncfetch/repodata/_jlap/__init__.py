"""JLAP: a repodata.json brought up to date by the journal of its changes, in place of being fetched again."""

from __future__ import annotations

from .update import Update as Update, Verdict as Verdict, update as update

__all__ = ["Update", "Verdict", "update"]
