"""Kernels and patterns as small pictures of numbers, in plain HTML made of numbers alone."""

from collections.abc import Sequence

from app.theme import Palette
from backend.services.pattern_views import NamedKernel

CELL = 34  # pixels


def number(value: float) -> str:
    """Return a cell's number, short: `-4`, `0.75`, `9.99`."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 100 else f"{value:.0f}"


def kernel_html(kernel: NamedKernel, colours: Palette) -> str:
    """Return a 3x3 table: the larger a number, the more of the primary colour is behind it."""
    most = max(abs(value) for row in kernel.cells for value in row) or 1.0
    rows = "".join(
        "<tr>" + "".join(_cell(value, most, colours) for value in row) + "</tr>"
        for row in kernel.cells
    )
    label = "; ".join(", ".join(number(value) for value in row) for row in kernel.cells)
    return (
        f'<table role="img" aria-label="{label}" style="border-collapse:collapse;margin:0">'
        f"{rows}</table>"
    )


def pattern_html(cells: Sequence[int], colours: Palette) -> str:
    """Return a pattern as a 3x3 table without numbers: kept cells are filled."""
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td style="width:14px;height:14px;padding:0;border:1px solid {colours.line};'
            f'background:{colours.primary if cell else colours.paper}"></td>'
            for cell in cells[start : start + 3]
        )
        + "</tr>"
        for start in (0, 3, 6)
    )
    text = "".join(str(int(cell)) for cell in cells)
    return (
        f'<table role="img" aria-label="pattern {text}" style="border-collapse:collapse">'
        f"{rows}</table>"
    )


def pattern_row_html(patterns: Sequence[Sequence[int]], colours: Palette) -> str:
    """Return patterns side by side; they wrap on a narrow screen."""
    tables = "".join(pattern_html(cells, colours) for cells in patterns)
    return f'<div style="display:flex;flex-wrap:wrap;gap:10px">{tables}</div>'


def _cell(value: float, most: float, colours: Palette) -> str:
    share = round(55 * abs(value) / most)
    tint = colours.primary if value >= 0 else colours.dense
    return (
        f'<td style="width:{CELL}px;height:{CELL}px;padding:0;text-align:center;'
        f"font-size:13px;border:1px solid {colours.line};color:{colours.ink};"
        f'background:color-mix(in srgb, {tint} {share}%, {colours.paper})">{number(value)}</td>'
    )
