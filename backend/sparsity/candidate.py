"""What to do with every layer of a model: the value that searches vary and caches key on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from codegen.errors import PlanError

BLOCK_SCHEMES = frozenset({"block_punched", "block", "one_by_n"})
BALANCES = ("balanced", "unbalanced")
AXES = ("columns", "rows", "both")

FIELDS: dict[str, tuple[str, ...]] = {
    "pattern": ("patterns", "group", "balance"),
    "block_punched": ("block", "balance"),
    "block": ("block", "balance", "axes"),
    "one_by_n": ("block", "balance"),
}
"""Fields that mean something to a scheme, beside its rate."""


@dataclass(frozen=True)
class LayerChoice:
    """One layer's scheme and rate.

    Attributes:
        scheme: a row of `backend.sparsity.schemes.SCHEMES`.
        rate: dense weights divided by kept ones, at least 1.
        block: filters and channels of a block (block schemes).
        patterns: name of a pattern set (pattern scheme).
        group: filters that share patterns and connectivity; 1 = each its own (pattern scheme).
        balance: "balanced" = every band of filters keeps its share, so work is even; "unbalanced"
            = units compete over the whole layer (pattern and block schemes).
        axes: what goes inside a block of a fully connected layer: "columns", "rows" or "both"
            (block scheme).
        filter_type: what stands in the layer's place; "keep" leaves it as it is.
    """

    scheme: str = "dense"
    rate: float = 1.0
    block: tuple[int, int] = (8, 4)
    patterns: str = "natural-8"
    group: int = 8
    filter_type: str = "keep"
    balance: str = "balanced"
    axes: str = "columns"

    def __post_init__(self) -> None:
        object.__setattr__(self, "block", (int(self.block[0]), int(self.block[1])))
        object.__setattr__(self, "rate", float(self.rate))
        if not 1.0 <= self.rate < float("inf"):
            msg = f"the rate {self.rate:g} is not possible: a rate is at least 1"
            raise PlanError(msg)
        if min(self.block) < 1:
            msg = f"the block {self.block[0]}x{self.block[1]} has no weights"
            raise PlanError(msg)
        if self.group < 1:
            msg = f"the group {self.group} has no filters"
            raise PlanError(msg)
        if self.balance not in BALANCES:
            msg = f"the balance {self.balance!r} is not known: take {' or '.join(BALANCES)}"
            raise PlanError(msg)
        if self.axes not in AXES:
            msg = f"the axes {self.axes!r} are not known: take {', '.join(AXES)}"
            raise PlanError(msg)

    @property
    def is_dense(self) -> bool:
        """Whether the layer stays as it is."""
        return self.scheme == "dense" and self.filter_type == "keep"

    @property
    def is_balanced(self) -> bool:
        """Whether every band keeps its share of the weights."""
        return self.balance == "balanced"

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that mean something to the scheme and differ from the default.

        `rate`, `block`, `patterns` and `group` stand even where they are the default's.
        """
        if self.is_dense:
            return ()
        default = LayerChoice()
        always = ("rate", "block", "patterns", "group")
        named = ("rate", *FIELDS.get(self.scheme, ()), "filter_type")
        return tuple(n for n in named if n in always or getattr(self, n) != getattr(default, n))

    @property
    def words(self) -> str:
        """What the scheme's fields say, for people; empty where it has none."""
        if self.scheme == "pattern":
            shared = f"groups of {self.group}" if self.group > 1 else "each filter by itself"
            parts = [self.patterns, shared]
        elif self.scheme == "one_by_n":
            parts = [f"N = {self.block[0]}"]
        elif self.scheme in BLOCK_SCHEMES:
            parts = [f"blocks of {self.block[0]} × {self.block[1]}"]
        else:
            return ""
        if "axes" in self.fields:
            parts.append({"rows": "rows", "both": "rows and columns"}[self.axes])
        return ", ".join([*parts, *([] if self.is_balanced else ["unbalanced"])])

    @cached_property
    def label(self) -> str:
        """A short text such as `pattern/8.1/natural-8/g8`; `parse` reads it back.

        What is not the default is told behind: `/unbalanced`, `/rows`, `/both`, `/@conv1x1`.
        """
        parts = [self.scheme]
        if self.scheme != "dense":
            parts.append(f"{self.rate:.6g}")
        if self.scheme == "pattern":
            parts += [self.patterns, f"g{self.group}"]
        elif self.scheme in BLOCK_SCHEMES:
            parts.append(f"{self.block[0]}x{self.block[1]}")
        parts += [getattr(self, name) for name in ("balance", "axes") if name in self.fields]
        if self.filter_type != "keep":
            parts.append(f"@{self.filter_type}")
        return "/".join(parts)

    @classmethod
    def parse(cls, label: str) -> LayerChoice:
        """Read what `label` wrote.

        Raises:
            PlanError: the text is not a label.
        """
        parts = label.split("/")
        filter_type = parts.pop()[1:] if parts[-1].startswith("@") else "keep"
        try:
            scheme, rest = parts[0], parts[1:]
            if scheme == "dense":
                () = rest
                return cls(filter_type=filter_type)
            rate = float(rest.pop(0))
            more: dict[str, Any] = {"filter_type": filter_type}
            if scheme in FIELDS:
                while rest[-1] in BALANCES + AXES:
                    word = rest.pop()
                    more["balance" if word in BALANCES else "axes"] = word
            if scheme == "pattern":
                more["patterns"], group = rest
                more["group"] = int(group.removeprefix("g"))
            elif scheme in BLOCK_SCHEMES:
                (block,) = rest
                filters, channels = (int(part) for part in block.split("x"))
                more["block"] = (filters, channels)
            else:
                () = rest
            return cls(scheme, rate, **more)
        except (ValueError, IndexError):
            msg = f"{label!r} is not a layer's choice such as 'pattern/8.1/natural-8/g8'"
            raise PlanError(msg) from None


@dataclass(frozen=True)
class Candidate:
    """Choices by layer name: sorted, dense layers left out, so that equal plans are equal."""

    choices: tuple[tuple[str, LayerChoice], ...] = ()

    def __post_init__(self) -> None:
        kept = sorted(
            (pair for pair in self.choices if not pair[1].is_dense), key=lambda pair: pair[0]
        )
        names = [name for name, _ in kept]
        if len(set(names)) != len(names):
            msg = "a layer is named twice in one candidate"
            raise PlanError(msg)
        object.__setattr__(self, "choices", tuple(kept))

    @classmethod
    def of(
        cls, choices: Mapping[str, LayerChoice] | Iterable[tuple[str, LayerChoice]]
    ) -> Candidate:
        """Make a candidate of a mapping or of pairs."""
        items = choices.items() if isinstance(choices, Mapping) else choices
        return cls(tuple(items))

    @cached_property
    def _by_layer(self) -> dict[str, LayerChoice]:
        return dict(self.choices)

    @property
    def has_filter_types(self) -> bool:
        """Whether anything stands in a layer's place or is left out."""
        return any(choice.filter_type != "keep" for _, choice in self.choices)

    def choice(self, layer: str) -> LayerChoice:
        """The choice for a layer; dense where none was made."""
        return self._by_layer.get(layer, LayerChoice())

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON form."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON: `{layer: {field: value}}` with the fields that differ from default."""
        default = LayerChoice()
        layers = {
            name: {
                field.name: getattr(choice, field.name)
                for field in fields(choice)
                if getattr(choice, field.name) != getattr(default, field.name)
            }
            for name, choice in self.choices
        }
        return json.dumps(layers, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Candidate:
        """Read what `to_json` wrote.

        Raises:
            PlanError: the text is not a candidate.
        """
        try:
            layers = json.loads(text)
            return cls(tuple((name, LayerChoice(**item)) for name, item in layers.items()))
        except (ValueError, TypeError, AttributeError) as error:
            msg = f"this is not a candidate: {error}"
            raise PlanError(msg) from None
