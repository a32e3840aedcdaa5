"""The n-th operation on the disk fails, or kills the process: for every n, one run each.

Only calls that come from our own modules for the disk are counted, in any thread.
"""

import contextlib
import os
import sys
import threading
from functools import partial

OPERATIONS = (
    "open", "write", "ftruncate", "lseek", "replace", "unlink", "close", "fstat", "stat", "statvfs", "fsync",
    "makedirs", "dup",
)  # fmt: skip
_OURS = (os.sep + "_disk" + os.sep, os.sep + "_sinks" + os.sep)


class Torture:
    """Counts the operations; ``befall(name)`` is called in place of the one numbered ``at``."""

    def __init__(self, at, befall, *, only=OPERATIONS):
        self.at = at
        self.befall = befall
        self.only = only
        self.count = 0
        self.struck = None
        self._lock = threading.Lock()

    def _call(self, real, name, *arguments, **more):
        caller = sys._getframe(1).f_code.co_filename
        if not any(part in caller for part in _OURS):
            return real(*arguments, **more)
        with self._lock:
            self.count += 1
            strike = self.count == self.at
        if not strike:
            return real(*arguments, **more)
        self.struck = name
        if name == "close":  # the kernel closes it even when it fails
            real(*arguments)
        return self.befall(name)

    @contextlib.contextmanager
    def inflicted(self):
        real = {name: getattr(os, name) for name in self.only}
        for name, function in real.items():
            setattr(os, name, partial(self._call, function, name))
        try:
            yield self
        finally:
            for name, function in real.items():
                setattr(os, name, function)
