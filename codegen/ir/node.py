"""One operation of a graph; its single output value carries the node's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from codegen.ir.tensor import TensorType

AttrValue: TypeAlias = int | float | str | bool | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Node:
    """An operation.

    Attributes:
        name: unique in the graph; also the name of the value it makes and of the layer.
        op: a row of `codegen.ir.ops.OPS`.
        inputs: names of values, in the op's order.
        attr_items: sorted pairs; every attribute of the op is present.
        weight_items: pairs of (role, key into `Graph.weights`), in the op's order of roles.
        type: type of the value it makes.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    type: TensorType
    attr_items: tuple[tuple[str, AttrValue], ...] = ()
    weight_items: tuple[tuple[str, str], ...] = ()

    @property
    def attrs(self) -> dict[str, AttrValue]:
        """The attributes as a fresh dict."""
        return dict(self.attr_items)

    @property
    def weights(self) -> dict[str, str]:
        """Role to weight key, as a fresh dict."""
        return dict(self.weight_items)

    def integer(self, key: str) -> int:
        """An attribute that is an int."""
        value = self.attrs[key]
        assert isinstance(value, int), (self.name, key, value)
        return value

    def number(self, key: str) -> float:
        """An attribute that is a float or an int."""
        value = self.attrs[key]
        assert isinstance(value, int | float), (self.name, key, value)
        return float(value)

    def numbers(self, key: str) -> tuple[float, ...]:
        """An attribute that is a tuple of floats."""
        value = self.attrs[key]
        assert isinstance(value, tuple), (self.name, key, value)
        return tuple(float(item) for item in value)

    def text(self, key: str) -> str:
        """An attribute that is a string."""
        value = self.attrs[key]
        assert isinstance(value, str), (self.name, key, value)
        return value

    def integers(self, key: str) -> tuple[int, ...]:
        """An attribute that is a tuple of ints."""
        value = self.attrs[key]
        assert isinstance(value, tuple), (self.name, key, value)
        return tuple(int(item) for item in value)
