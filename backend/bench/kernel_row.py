"""One row of `bench kernels`: a layer, how it is pruned, and what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass

from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.patterns import PatternSet
from backend.sparsity.prune import prune_graph
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph

LAYER = "layer"
"""Name of the measured layer in the graph of a row."""


@dataclass(frozen=True)
class KernelRow:
    """A layer of the table.

    Attributes:
        family: section of the table, such as "group 3x3".
        channels: of its input.
        filters: of its output.
        size: rows and columns of its input.
        choice: how its weights are pruned.
        kernel: rows and columns of a kernel.
        stride: of both axes.
        groups: of the convolution.
        beside: whether dense engines are timed beside it.
        asked: (must, goal) by instruction set: shares of peak, or with `beside` how many times
            faster than the fastest of these engines.
        patterns: the set that the choice names, where it is not a shipped one.
    """

    family: str
    channels: int
    filters: int
    size: int
    choice: LayerChoice
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    beside: bool = False
    asked: tuple[tuple[str, float, float], ...] = ()
    patterns: PatternSet | None = None

    @property
    def shape(self) -> str:
        """Short text of the layer, such as 64->256@56k1 or 96@112k3s2d (d: depthwise)."""
        filters = "" if self.filters == self.channels else f"->{self.filters}"
        stride = f"s{self.stride}" if self.stride > 1 else ""
        groups = "" if self.groups == 1 else "d" if self.groups == self.channels else "g"
        return f"{self.channels}{filters}@{self.size}k{self.kernel}{stride}{groups}"

    @property
    def name(self) -> str:
        """What tells the row from all others."""
        return f"{self.shape} {self.choice.label}"

    def asked_of(self, isa: str) -> tuple[float, float] | None:
        """(must, goal) of an instruction set, where the table names one."""
        return next(((must, goal) for name, must, goal in self.asked if name == isa), None)

    def graph(self) -> Graph:
        """The pruned layer with bias and relu, between one that makes its input and a mean.

        As in a net the input was just written and the output is read next, in the layout that
        layers use among each other; so only what belongs to the measured layer is in its time.
        """
        return self._build(in_net=True)

    def single_layer(self) -> Graph:
        """The same layer alone, for engines that are asked for the time of a whole graph."""
        return self._build(in_net=False)

    def _build(self, *, in_net: bool) -> Graph:
        builder = GraphBuilder("kernel", seed=self.channels + self.filters + self.size)
        if in_net:
            x = builder.input((1, 1, self.size, self.size))
            x = builder.conv(x, self.channels, 1, name="feed")
        else:
            x = builder.input((1, self.channels, self.size, self.size))
        y = builder.conv(
            x, self.filters, self.kernel, name=LAYER, stride=self.stride, groups=self.groups,
            bias=True, activation="relu",
        )  # fmt: skip
        if in_net:
            y = builder.add("global_average_pool", y, name="mean")
        graph = builder.build(y)
        if self.choice.is_dense:
            return graph
        sets = None if self.patterns is None else {self.patterns.name: self.patterns}
        return prune_graph(graph, Candidate.of({LAYER: self.choice}), pattern_sets=sets)
