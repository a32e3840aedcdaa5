"""Where progress is drawn: a terminal, whose lines are drawn over, or the output of a notebook's cell. Needs rich."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table


class Surface(Protocol):
    """Shows one picture at a time."""

    def draw(self) -> None:
        """Show the picture as it is now."""

    def end(self, words: str) -> None:
        """Take the picture away; ``words`` say what it came to, where something has to stay."""


class Terminal:
    """Lines at the bottom of a terminal, which is as it was in the end."""

    def __init__(self, console: Console, picture: Callable[[], Table]) -> None:
        self._live = Live(
            console=console, auto_refresh=False, transient=True, get_renderable=picture,
            redirect_stdout=False, redirect_stderr=False, vertical_overflow="crop",
        )  # fmt: skip

    def draw(self) -> None:
        """Draw over what was drawn last."""
        self._live.start()  # once; later calls do nothing
        self._live.refresh()

    def end(self, words: str) -> None:  # noqa: ARG002 - nothing stays
        """Clear the lines, and show the cursor again."""
        self._live.stop()


class Notebook:
    """The output of the cell that was run last; it takes no widgets, and shows in a notebook without a server too."""

    def __init__(self, picture: Callable[[], Table]) -> None:
        self._picture = picture
        self._place: Any = None

    def draw(self) -> None:
        """Replace the picture."""
        self._show(self._picture())

    def end(self, words: str) -> None:
        """Leave words where the picture was: a cell's output cannot be taken back without a flicker."""
        if self._place is not None:
            self._show(Text(words))

    def _show(self, what: Table | Text) -> None:
        if self._place is None:
            from IPython.display import display

            self._place = display(what, display_id=True)  # type: ignore[no-untyped-call]  # IPython does not say
        else:
            self._place.update(what)
