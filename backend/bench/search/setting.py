"""How a sampler is used: the encoding of the menu, and the damage table it may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.bench.search.encoding import CATEGORICAL, ORDINAL
from backend.search.samplers import SAMPLERS

ENERGY, STORE = "energy", "store"
"""Damage from the weights alone, and from the errors of reconstructed layers."""


@dataclass(frozen=True)
class Setting:
    """One way to use a sampler.

    Attributes:
        sampler: its name in the registry.
        encoding: of the menu.
        damage: table it may read.
    """

    sampler: str
    encoding: str = CATEGORICAL
    damage: str = ENERGY

    @property
    def title(self) -> str:
        """Such as `tpe, ordinal`."""
        words = [self.sampler]
        if self.encoding != CATEGORICAL:
            words.append(self.encoding)
        if self.damage != ENERGY:
            words.append(f"damage by {self.damage}")
        return ", ".join(words)


_TWO: Mapping[str, tuple[Setting, ...]] = {
    "nsga2": (Setting("nsga2"), Setting("nsga2", ORDINAL)),
    "tpe": (Setting("tpe"), Setting("tpe", ORDINAL)),
    "gp": (Setting("gp"), Setting("gp", ORDINAL)),
    "punchcard": (Setting("punchcard"), Setting("punchcard", damage=STORE)),
}
# A uniform draw is the same in both encodings, and the graph kernel of NPAS reads labels.
SETTINGS: Mapping[str, tuple[Setting, ...]] = {
    name: _TWO.get(name, (Setting(name),)) for name in SAMPLERS
}
"""Ways to use each sampler of the registry; of two, a pilot run decides (`pilot.py`)."""
