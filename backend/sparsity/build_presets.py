"""Writes the shipped pattern sets: `python -m backend.sparsity.build_presets`."""

from __future__ import annotations

import sys

from backend.models.zoo import trained_model
from backend.sparsity.patterns import PRESETS_FOLDER, SCPS, PatternSet, natural_patterns, universe
from backend.sparsity.patterns.published import PUBLISHED


def presets() -> tuple[PatternSet, ...]:
    """The SCPs, the authors' sets, the universe and natural patterns of the shipped ResNet-20."""
    net = trained_model("resnet20")
    natural = (natural_patterns(net, size) for size in (4, 8, 12))
    return (SCPS, *natural, *PUBLISHED, universe())


def main() -> None:
    """Write one file a set."""
    for pattern_set in presets():
        path = PRESETS_FOLDER / f"{pattern_set.name}.json"
        path.write_text(pattern_set.to_json() + "\n", encoding="utf-8")
        sys.stdout.write(f"{path.name}: {pattern_set.note}\n")


if __name__ == "__main__":
    main()
