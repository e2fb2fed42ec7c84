"""What the effects of options may have in common, as features with a Gaussian prior each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.search.samplers.punchcard.options import FloatArray, IntArray, Options

TYPICAL = 256  # uniform candidates over which a feature's size is taken


@dataclass(frozen=True)
class Component:
    """Effects `values[column] * weight[group[column]]` with independent weights N(0, variance).

    Attributes:
        name: for people and tests.
        values: (columns,) scaled so that the sum over a uniform candidate has mean square 1.
        group: (columns,) from 0; columns of one group share their weight.
        variance: prior variance of the component in units of the outcome's, before evidence.
    """

    name: str
    values: FloatArray
    group: IntArray
    variance: float

    @property
    def groups(self) -> int:
        """Number of weights."""
        return int(self.group.max(initial=-1)) + 1

    def design(self, rows: IntArray) -> FloatArray:
        """Features of candidates: (n, groups)."""
        count = rows.shape[0]
        cells = np.arange(count)[:, None] * self.groups + self.group[rows]
        flat = np.bincount(cells.ravel(), self.values[rows].ravel(), minlength=count * self.groups)
        return np.asarray(flat.reshape(count, self.groups), dtype=np.float64)


@dataclass(frozen=True)
class Traits:
    """What is known of options before any trial.

    Attributes:
        table: (columns,) the damage (or latency) table, 0 for what changes nothing; None without.
        removed: (columns,) share of the weights an option removes; None where it means nothing.
        kind: (columns,) scheme and filter type of an option, from 0; None without.
        default: (columns,) whether the option leaves its layer alone, so that it has no effect;
            None where no option does.
    """

    table: FloatArray | None = None
    removed: FloatArray | None = None
    kind: IntArray | None = None
    default: FloatArray | None = None


def components(options: Options, traits: Traits) -> tuple[Component, ...]:
    """The additive model of papers.md 7.3 step 5, and what makes it safe without a good table.

    `sum_l c_l d[l, o]` is the table with one common factor, one factor a layer and one a kind.
    Beside it stand the share of removed weights (by layer, by kind, by both: what a user would
    guess without any table), the label whatever its layer, and at last a term for each option
    alone, all drawn to zero: trials decide which of them explain anything.
    """
    layer = options.layer_of
    one = np.ones(options.columns)
    if traits.default is not None:
        one = 1.0 - traits.default
    everything = np.zeros(options.columns, dtype=np.int64)
    kind = traits.kind if traits.kind is not None else everything
    both = _numbered(list(zip(layer.tolist(), kind.tolist(), strict=True)))
    label = _numbered(options.label_of)
    alone = np.arange(options.columns)
    found: list[tuple[str, FloatArray, IntArray, float]] = []
    if traits.table is not None:
        found += [
            ("table", traits.table, everything, 1.0),
            ("table by layer", traits.table, layer, 0.2),
            ("table by kind", traits.table, kind, 0.1),
        ]
    if traits.removed is not None:
        found += [
            ("removed", traits.removed, everything, 0.3),
            ("removed by layer", traits.removed, layer, 0.1),
            ("removed by kind", traits.removed, kind, 0.05),
            ("removed by both", traits.removed, both, 0.05),
        ]
    found += [
        ("layer", one, layer, 0.05),
        ("label", one, label, 0.05),
        ("option", one, alone, 0.05),
    ]
    if traits.table is None and traits.removed is None:
        found = [(name, values, group, 0.3) for name, values, group, _ in found]
    typical = options.draw(np.random.default_rng(0), TYPICAL)
    made = [Component(name, values, group, variance) for name, values, group, variance in found]
    return tuple(_scaled(component, typical) for component in made if component.values.any())


def _scaled(component: Component, typical: IntArray) -> Component:
    size = float(np.square(component.design(typical)).sum(axis=1).mean()) ** 0.5
    return Component(
        component.name, component.values / (size or 1.0), component.group, component.variance
    )


def _numbered(names: Sequence[object]) -> IntArray:
    number: dict[object, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], dtype=np.int64)
