"""The space of a search in words and as a table."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from backend.services.search_space import SpaceLayer, SpaceView

NARROWED = ("filter_types", "schemes", "rates", "blocks")
"""Keys that a layer's own menu may have."""


def size_text(size: int) -> str:
    """Return a number of candidates, e.g. `24`, `1,024` or `3.4 × 10³⁵`."""
    if size < 1_000_000:
        return f"{size:,}"
    power = math.floor(math.log10(size))
    digits = size / 10**power
    raised = str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits:.1f} × 10{raised}"


def space_words(view: SpaceView) -> str:
    """Return what a search would choose from, in one line."""
    searched = [layer.choices for layer in view.layers if layer.choices > 1]
    if not searched:
        return "Nothing to choose yet."
    least, most = min(searched), max(searched)
    each = f"{least}" if least == most else f"{least} to {most}"
    return f"{len(searched)} layers with {each} choices: {size_text(view.size)} candidates."


def space_table(view: SpaceView, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return one row a layer: how much it may choose from, and whether its menu is its own."""
    return pd.DataFrame(
        [
            {
                "layer": layer.name,
                "output": " × ".join(str(size) for size in layer.output_shape),
                "choices": layer.choices,
                "filter types": ", ".join(titles.get(n, n) for n in layer.filter_types),
                "schemes": _schemes(layer),
                "own menu": layer.narrowed,
            }
            for layer in view.layers
        ]
    )


def _schemes(layer: SpaceLayer) -> str:
    return ", ".join(name.replace("_", "-") for name in layer.schemes)


def own_menu(values: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]] | None:
    """Return a layer's own menu without the keys left as they are for all; None without any."""
    menu = {key: list(values[key]) for key in NARROWED if values.get(key)}
    return menu or None


def menu_of(space: Mapping[str, Any], menus: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the named menu that a space is, or None where it is one of its own."""
    same = (n for n, menu in menus.items() if all(space.get(key) == menu[key] for key in menu))
    return next(same, None)
