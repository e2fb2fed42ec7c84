"""Menus with a name: `space: {menu: npas}` in CONFIG.yaml, and the page's list of presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NPAS_TYPES = ["keep", "conv1x1", "conv3x3", "dw3x3_conv1x1", "conv1x1_dw3x3_conv1x1", "skip"]

MENUS: Mapping[str, Mapping[str, Any]] = {
    "sample": {},
    # Li et al., CVPR 2021, section 4.2. Patterns have 2.25 besides, what 4 of 9 weights are without
    # connectivity: NPAS's 2 and 2.5 are none of their rates.
    "npas": {
        "filter_types": _NPAS_TYPES,
        "schemes": ["filter", "pattern", "block_punched", "block"],
        "rates": [1, 2, 2.5, 3, 5, 7, 10],
        "pattern_rates": [2.25],
        "blocks": [[8, 4]],
    },
    "full": {
        "filter_types": _NPAS_TYPES,
        "schemes": ["filter", "pattern", "block_punched", "block"],
        "rates": [1, 2, 2.5, 3, 5, 7, 10],
        "pattern_rates": [2.25],
        "blocks": [[4, 1], [8, 4], [16, 4]],
    },
}
"""Name to the keys of `SpaceConfig` it sets; keys that stand beside `menu` are stronger."""
