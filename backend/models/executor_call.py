"""One execution of a node in torch, as every operation gets it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from codegen.ir.node import Node


@dataclass(frozen=True)
class Call:
    """One execution of a node: its input values, its weights by role, and the mode."""

    node: Node
    inputs: Sequence[Tensor]
    weights: Mapping[str, Tensor]
    training: bool

    @property
    def x(self) -> Tensor:
        """The first input."""
        return self.inputs[0]


Operation = Callable[[Call], Tensor]
