"""Names of pattern sets, and what the editor may send."""

from app.viewmodels.pattern_sets import (
    as_patterns,
    coverage_notes,
    free_name,
    is_name,
    summary,
)
from backend.services.views import PatternSetView

CROSS = (0, 1, 0, 1, 1, 1, 0, 0, 0)
CORNER = (1, 1, 0, 1, 1, 0, 0, 0, 0)


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
    assert as_patterns([CROSS] * 127) is None


def test_summary_names_how_many_weights_are_kept() -> None:
    assert summary([CROSS]) == "1 pattern · 4 of 9 weights kept"
    assert summary([CROSS, (1,) * 9]) == "2 patterns · 4 to 9 of 9 weights kept"
    assert summary([]) == "0 patterns"


def test_coverage_stands_under_each_pattern() -> None:
    view = PatternSetView(name="a", patterns=(CROSS,), preset=True, coverage=(0.245,))
    assert coverage_notes(view) == ["24.5 %"]
