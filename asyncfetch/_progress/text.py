"""Texts for people: numbers of bytes and files, times, and names that a stranger chose."""

from __future__ import annotations


def shown(text: str) -> str:
    """Give text that can be shown: what does not print is escaped, on one line."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "backslashreplace").decode() for one in text
    )


def count_text(files: int) -> str:
    """Give a number of files for people."""
    return f"{files} file" if files == 1 else f"{files} files"


def size_text(count: float) -> str:
    """Give a number of bytes for people: 12.3 MB, powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def time_left(remaining: float, rate: float) -> str:
    """Give the time that so many bytes take at this rate, as 0:07 or 1:02:03."""
    seconds = int(max(remaining, 0) / rate) if rate > 0 else 0
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours > 99:
        return "-"
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
