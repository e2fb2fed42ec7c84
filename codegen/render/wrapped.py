"""Keeps generated lines within 100 columns."""

from __future__ import annotations

WIDTH = 100


def wrapped(line: str) -> list[str]:
    """The line itself, or parts: cut behind a comma, else behind a plus or a parenthesis."""
    if len(line) <= WIDTH:
        return [line]
    indent = len(line) - len(line.lstrip()) + 4
    commas, signs = line.rfind(", ", 0, WIDTH) + 1, line.rfind(" + ", 0, WIDTH - 1) + 2
    cut = commas or (signs if signs > 1 else line.index("(") + 1)
    if line.startswith(("void ", "static ")):
        cut = line.index("(") + 1
    return [line[:cut], *wrapped(" " * indent + line[cut:].lstrip())]
