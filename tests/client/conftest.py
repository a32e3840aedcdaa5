"""Fixtures of the tests of the spine."""

from .eager import eager, trying

__all__ = ["eager", "trying"]
