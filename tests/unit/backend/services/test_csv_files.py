"""No cell of an exported table is a live formula (spreadsheet safety)."""

import pandas as pd
import pytest

from backend.services.csv_files import csv_bytes


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_starts_like_a_formula_is_quoted(start: str) -> None:
    table = pd.DataFrame([{"name": f"{start}cmd|' /C calc'!A1", "value": -1.5}])
    text = csv_bytes(table).decode()
    assert f"'{start}cmd" in text
    assert "-1.5" in text
    assert "'-1.5" not in text


def test_plain_text_stays_as_it_is() -> None:
    assert csv_bytes(pd.DataFrame([{"a": "layer1.0"}])) == b"a\nlayer1.0\n"
