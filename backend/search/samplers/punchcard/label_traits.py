"""What labels of layer choices say by themselves."""

from __future__ import annotations

import numpy as np

from backend.search.samplers.punchcard.features import Traits
from backend.search.samplers.punchcard.options import FloatArray, Options
from backend.sparsity.candidate import LayerChoice
from codegen.errors import PlanError


def label_traits(options: Options, table: FloatArray | None = None) -> Traits:
    """Removed share, kind and default of each option; only the table where labels are others."""
    try:
        choices = [LayerChoice.parse(label) for label in options.label_of]
    except (PlanError, ValueError):
        return Traits(table)
    words = [f"{choice.scheme}@{choice.filter_type}" for choice in choices]
    number = {word: i for i, word in enumerate(dict.fromkeys(words))}
    return Traits(
        table,
        np.array([1.0 - 1.0 / choice.rate for choice in choices]),
        np.array([number[word] for word in words], dtype=np.int64),
        np.array([float(choice.is_dense) for choice in choices]),
    )
