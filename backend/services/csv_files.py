"""Tables as CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it takes half a second to import
    import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Return a table as UTF-8 CSV; text cells that could start a formula get a leading quote."""
    safe = table.copy()
    for column in safe.columns:
        safe[column] = [_cell(value) for value in safe[column]]
    return safe.to_csv(index=False).encode()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
