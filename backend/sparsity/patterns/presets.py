"""The shipped pattern sets."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from backend.sparsity.patterns.pattern_set import PatternSet

PRESETS_FOLDER = Path(__file__).resolve().parents[3] / "assets" / "patterns"


def preset_patterns() -> dict[str, PatternSet]:
    """The shipped pattern sets by name."""
    return dict(_read())


@lru_cache(maxsize=1)
def _read() -> dict[str, PatternSet]:
    read = (
        PatternSet.from_json(path.read_text(encoding="utf-8"))
        # the default of plans and searches first
        for path in sorted(
            PRESETS_FOLDER.glob("*.json"), key=lambda path: (path.stem != "natural-8", path.stem)
        )
    )
    return {pattern_set.name: pattern_set for pattern_set in read}
