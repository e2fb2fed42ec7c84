"""Writes the shipped pattern sets: `python -m backend.sparsity.build_presets`."""

from __future__ import annotations

import sys

from backend.models.zoo import trained_model
from backend.sparsity.patterns import PRESETS_FOLDER, SCPS, natural_patterns


def main() -> None:
    """Write the four SCPs and the natural patterns of the shipped ResNet-20."""
    net = trained_model("resnet20")
    for pattern_set in (SCPS, natural_patterns(net, 8), natural_patterns(net, 12)):
        path = PRESETS_FOLDER / f"{pattern_set.name}.json"
        path.write_text(pattern_set.to_json() + "\n", encoding="utf-8")
        sys.stdout.write(f"{path.name}: {pattern_set.note}\n")


if __name__ == "__main__":
    main()
