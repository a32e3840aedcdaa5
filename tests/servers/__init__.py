"""Starters of real servers that none of us wrote: each a context manager that starts one on loopback and stops it."""
