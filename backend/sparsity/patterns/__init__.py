"""Pattern sets: what they are, where they come from, how good and how costly they are."""

from backend.sparsity.patterns.natural import (
    coverage,
    natural_histogram,
    natural_patterns,
)
from backend.sparsity.patterns.pattern_set import (
    CENTRE,
    POSITIONS,
    PatternSet,
    parse_pattern,
    pattern_text,
)
from backend.sparsity.patterns.presets import PRESETS_FOLDER, preset_patterns
from backend.sparsity.patterns.scp import SCPS
from backend.sparsity.patterns.universe import ENTRIES, UNIVERSE, universe

__all__ = [
    "CENTRE",
    "ENTRIES",
    "POSITIONS",
    "PRESETS_FOLDER",
    "SCPS",
    "UNIVERSE",
    "PatternSet",
    "coverage",
    "natural_histogram",
    "natural_patterns",
    "parse_pattern",
    "pattern_text",
    "preset_patterns",
    "universe",
]
