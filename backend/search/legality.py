"""Whether a candidate stands in a search's space, and where it leaves it."""

from __future__ import annotations

from collections.abc import Mapping

from backend.search.space import Space
from backend.sparsity.candidate import Candidate, LayerChoice

DENSE = LayerChoice().label
SHOWN = 8  # labels of a menu in a message


def why_outside(space: Space, candidate: Candidate) -> str | None:
    """One sentence about the first layer whose choice is on no menu; None: all of it is legal.

    Optuna keeps one fixed list of categories a layer, so that a search cannot try what its menus
    do not hold, even where the engine could.
    """
    for layer, choice in candidate.choices:
        menu = space.by_layer.get(layer)
        if menu is None:
            return f"layer {layer!r} is not searched here: it can only stay dense"
        if choice.label not in {item.label for item in menu}:
            return (
                f"layer {layer!r} has no {choice.label} on its menu of this search; it has "
                f"{_menu_words(menu, choice)}"
            )
    return None


def labels_in(space: Space, choices: Mapping[str, str]) -> dict[str, str]:
    """A label for every searched layer; those that `choices` does not name stay dense."""
    return {layer: choices.get(layer, DENSE) for layer in space.layers}


def _menu_words(menu: tuple[LayerChoice, ...], choice: LayerChoice) -> str:
    alike = [item.label for item in menu if item.scheme == choice.scheme]
    labels = alike or [item.label for item in menu]
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(labels[:SHOWN]) + more
