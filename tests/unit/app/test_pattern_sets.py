"""Pattern sets go out as JSON and come back equal; nothing else comes in."""

import json

import pytest

from app.viewmodels.pattern_sets import (
    as_patterns,
    coverage_notes,
    free_name,
    from_json,
    is_name,
    summary,
    to_json,
)
from backend.services.views import PatternSetView

CROSS = (0, 1, 0, 1, 1, 1, 0, 0, 0)
CORNER = (1, 1, 0, 1, 1, 0, 0, 0, 0)


def test_export_and_import_give_the_same_set() -> None:
    assert from_json(to_json("mine", [CROSS, CORNER]).encode()) == ("mine", (CROSS, CORNER))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x00\xff", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b"x" * 100_001, "larger than 100 kB"),
        (b"[]", '"patterns" list'),
        (b'{"name": "a/b", "patterns": []}', '"name"'),
        (b'{"name": "a", "patterns": []}', "1 to 64"),
        (b'{"name": "a", "patterns": [[1, 2]]}', "Pattern 1"),
        (json.dumps({"name": "a", "patterns": [CROSS, [2] * 9]}).encode(), "Pattern 2"),
    ],
)
def test_wrong_file_is_refused_with_one_sentence(content: bytes, says: str) -> None:
    problem = from_json(content)
    assert isinstance(problem, str)
    assert says in problem


def test_free_name_counts_up() -> None:
    assert free_name("a", []) == "a"
    assert free_name("a", ["a", "a-2"]) == "a-3"
    assert is_name("natural-8")
    assert not is_name("../etc")
    assert not is_name("")


def test_what_the_editor_sends_is_checked() -> None:
    assert as_patterns([list(CROSS)]) == (CROSS,)
    assert as_patterns([[1] * 8]) is None
    assert as_patterns("x") is None
    assert as_patterns([CROSS] * 65) is None


def test_summary_names_how_many_weights_are_kept() -> None:
    assert summary([CROSS]) == "1 pattern · 4 of 9 weights kept"
    assert summary([CROSS, (1,) * 9]) == "2 patterns · 4 to 9 of 9 weights kept"
    assert summary([]) == "0 patterns"


def test_coverage_stands_under_each_pattern() -> None:
    view = PatternSetView(name="a", patterns=(CROSS,), preset=True, coverage=(0.245,))
    assert coverage_notes(view) == ["24.5 %"]
