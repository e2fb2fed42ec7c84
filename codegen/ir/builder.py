"""Writes graphs in a few lines: infers each type, fills defaults, keeps names unique."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from codegen.errors import GraphError
from codegen.ir.graph import Graph, Preprocessing
from codegen.ir.node import AttrValue, Node
from codegen.ir.node_factory import make_node
from codegen.ir.tensor import TensorType
from codegen.ir.verify import verify_graph
from codegen.ir.weight import Weight


class GraphBuilder:
    """Collects nodes in the order they are added.

    Every method returns the name of the new value. Weight keys are `<node name>.<torch name>`, so
    that published state dicts load; a builder given a seed draws He-normal weights itself.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        self._name = name
        self._inputs: list[tuple[str, TensorType]] = []
        self._nodes: dict[str, Node] = {}
        self._weights: dict[str, Weight] = {}
        self._random = np.random.default_rng(seed)

    def input(self, shape: tuple[int, ...], name: str = "input") -> str:
        """Add a graph input; `shape` holds the batch axis as 1."""
        self._inputs.append((name, TensorType(shape)))
        return name

    def type_of(self, value: str) -> TensorType:
        """Type of a value made so far."""
        if value in self._nodes:
            return self._nodes[value].type
        return dict(self._inputs)[value]

    def weight(self, key: str, values: npt.ArrayLike) -> str:
        """Store a weight under a key and return the key."""
        self._weights[key] = Weight(np.asarray(values, dtype=np.float32))
        return key

    def add(
        self,
        op: str,
        *inputs: str,
        name: str,
        weights: Mapping[str, str] | None = None,
        **attrs: AttrValue,
    ) -> str:
        """Add a node of any operation; `weights` maps roles to stored keys."""
        if name in self._nodes or name in dict(self._inputs):
            msg = f"the name {name!r} is used twice"
            raise GraphError(msg)
        types = tuple(self.type_of(value) for value in inputs)
        self._nodes[name] = make_node(name, op, inputs, types, attrs, weights, self._weights)
        return name

    def conv(
        self,
        x: str,
        filters: int,
        kernel: int | tuple[int, int],
        *,
        name: str,
        stride: int = 1,
        padding: int | tuple[int, int, int, int] | None = None,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
        **attrs: AttrValue,
    ) -> str:
        """Add a convolution; `padding` defaults to what keeps the size at stride 1."""
        kernel_y, kernel_x = (kernel, kernel) if isinstance(kernel, int) else kernel
        if padding is None:
            half_y, half_x = dilation * (kernel_y // 2), dilation * (kernel_x // 2)
            padding = (half_y, half_x, half_y, half_x)
        elif isinstance(padding, int):
            padding = (padding,) * 4
        channels = self.type_of(x).shape[1]
        shape = (filters, channels // groups, kernel_y, kernel_x)
        fan_in = shape[1] * kernel_y * kernel_x
        drawn = self._random.standard_normal(shape) * np.sqrt(2.0 / max(fan_in, 1))
        keys = {"weight": self.weight(f"{name}.weight", drawn)}
        if bias:
            keys["bias"] = self.weight(f"{name}.bias", np.zeros(filters))
        return self.add(
            "conv",
            x,
            name=name,
            weights=keys,
            stride=(stride, stride),
            padding=padding,
            dilation=(dilation, dilation),
            groups=groups,
            **attrs,
        )

    def batch_norm(self, x: str, *, name: str, epsilon: float = 1e-5) -> str:
        """Add a batch norm with torch's four parameter names."""
        channels = self.type_of(x).shape[1]
        keys = {
            "gamma": self.weight(f"{name}.weight", np.ones(channels)),
            "beta": self.weight(f"{name}.bias", np.zeros(channels)),
            "mean": self.weight(f"{name}.running_mean", np.zeros(channels)),
            "variance": self.weight(f"{name}.running_var", np.ones(channels)),
        }
        return self.add("batch_norm", x, name=name, weights=keys, epsilon=epsilon)

    def linear(self, x: str, features: int, *, name: str, bias: bool = True) -> str:
        """Add a fully connected layer."""
        inputs = self.type_of(x).shape[1]
        drawn = self._random.standard_normal((features, inputs)) * np.sqrt(1.0 / inputs)
        keys = {"weight": self.weight(f"{name}.weight", drawn)}
        if bias:
            keys["bias"] = self.weight(f"{name}.bias", np.zeros(features))
        return self.add("linear", x, name=name, weights=keys)

    def constant(self, values: npt.ArrayLike, *, name: str) -> str:
        """Add a constant value."""
        return self.add("constant", name=name, weights={"value": self.weight(name, values)})

    def build(
        self,
        *outputs: str,
        preprocessing: Preprocessing | None = None,
        classes: tuple[str, ...] = (),
    ) -> Graph:
        """The finished, verified graph."""
        graph = Graph(
            name=self._name,
            inputs=tuple(self._inputs),
            outputs=outputs,
            nodes=tuple(self._nodes.values()),
            weights=self._weights,
            preprocessing=preprocessing,
            classes=classes,
        )
        verify_graph(graph)
        return graph
