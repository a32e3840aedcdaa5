"""The n-th operation on the disk goes wrong: `asyncfetch.testing.torture`, for one kind of call alone."""

from asyncfetch.testing.torture._points import Points


class Torture(Points):
    """Calls ``befall(name)`` in place of the operation numbered ``at``; ``only`` names the calls that count."""

    def __init__(self, at, befall, *, only=None):
        super().__init__(at, befall, ("disk",))
        self.only = only

    def pass_by(self, name):
        if self.only is None or name.partition(" ")[0] in self.only:
            super().pass_by(name)
