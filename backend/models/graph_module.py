"""Runs a graph in torch, for training and evaluation, and turns it back into a graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from backend.models.executor_call import Call
from backend.models.executor_ops import OPERATIONS
from codegen.errors import GraphError
from codegen.ir.batch import keeps_batch
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight

_STATISTIC_ROLES = frozenset({"mean", "variance", "value"})


class GraphModule(nn.Module):
    """A graph as a torch module; values may have any batch size.

    Weights that are learnt are parameters, batch-norm statistics and constants are buffers; both
    are named by their weight key with `/` for the dots torch forbids (`w/layer1/0/conv1/weight`).
    Batch norm follows train/eval mode with momentum 0.1. Masks are applied when `apply_masks` is
    called, which a trainer does after each optimizer step.

    Args:
        graph: what to run.
        channels_last: keep pictures and filters in torch's NHWC memory format (about 20 % faster
            on CPU); results and `to_graph` are the same.
    """

    def __init__(self, graph: Graph, *, channels_last: bool = False) -> None:
        super().__init__()
        self.graph = graph
        self.channels_last = channels_last
        self._stored: dict[str, str] = {}
        self._masked: dict[str, str] = {}
        self._seen: dict[str, Callable[[Tensor], Tensor]] = {}
        statistics = {
            key
            for node in graph.nodes
            for role, key in node.weight_items
            if role in _STATISTIC_ROLES
        }
        for key, weight in graph.weights.items():
            stored = self._free_name(f"w/{key.replace('.', '/')}")
            tensor = self._placed(torch.from_numpy(weight.values.copy()))
            if key in statistics:
                self.register_buffer(stored, tensor)
            else:
                self.register_parameter(stored, nn.Parameter(tensor))
            self._stored[key] = stored
            if weight.mask is not None:
                masked = self._free_name(f"m/{key.replace('.', '/')}")
                mask = self._placed(torch.from_numpy(weight.mask.astype(np.float32)))
                self.register_buffer(masked, mask, persistent=False)
                self._masked[key] = masked
        # Elsewhere a graph of fixed sizes is run as it is; images of others do not mix.
        of_images = all(kind.shape[:1] == (1,) for _, kind in graph.inputs)
        self._keeps_batch = not of_images or keeps_batch(graph)
        self._last_use = {source: node.name for node in graph.nodes for source in node.inputs}

    def forward(self, *inputs: Tensor) -> Tensor:
        """The graph's first output, of shape (batch, ...)."""
        output = self.graph.outputs[0]
        return self.forward_values(*inputs, names=(output,))[output]

    def forward_values(self, *inputs: Tensor, names: Collection[str]) -> dict[str, Tensor]:
        """Values of the named nodes or inputs, from one run.

        Nodes behind the last named one are not run. Values nobody needs any more are let go. Where
        a node moves the batch axis (an attention's heads), images are run one after another.

        Raises:
            GraphError: a name is not in the graph, or the inputs do not fit it.
        """
        wanted = dict.fromkeys(names)
        for name in wanted:
            self.graph.type_of(name)
        values = self._bind(inputs)
        if not self._keeps_batch and max((x.shape[0] for x in inputs if x.dim()), default=1) > 1:
            items = [
                self._run({name: value[i : i + 1] for name, value in values.items()}, wanted)
                for i in range(inputs[0].shape[0])
            ]
            return {name: torch.cat([item[name] for item in items]) for name in wanted}
        return self._run(values, wanted)

    def _run(self, values: dict[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        open_names = {name for name in wanted if name not in values}
        for node in self.graph.nodes:
            if not open_names:
                break
            weights = {role: self.seen(key) for role, key in node.weight_items}
            taken = [values[source] for source in node.inputs]
            values[node.name] = OPERATIONS[node.op](Call(node, taken, weights, self.training))
            open_names.discard(node.name)
            for source in node.inputs:
                if self._last_use[source] == node.name and source not in wanted:
                    values.pop(source, None)
        return {name: values[name] for name in wanted}

    def weight(self, key: str) -> Tensor:
        """The parameter or buffer of a weight key."""
        tensor = getattr(self, self._stored[key])
        assert isinstance(tensor, Tensor)
        return tensor

    def seen(self, key: str) -> Tensor:
        """What operations multiply with: the weight, or what `reparametrise` makes of it."""
        weight = self.weight(key)
        function = self._seen.get(key)
        return weight if function is None else function(weight)

    def reparametrise(self, key: str, function: Callable[[Tensor], Tensor]) -> None:
        """Let operations see a differentiable function of a weight; `to_graph` gives the weight."""
        self.weight(key)
        self._seen[key] = function

    def mask(self, key: str) -> Tensor | None:
        """The mask of a weight key as ones and zeros, or None."""
        name = self._masked.get(key)
        return None if name is None else getattr(self, name)

    def masked_weights(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Pairs of a weight and its mask."""
        for key, name in self._masked.items():
            yield self.weight(key), getattr(self, name)

    @torch.no_grad()
    def apply_masks(self) -> None:
        """Set every masked weight to zero, in place."""
        for weight, mask in self.masked_weights():
            weight.mul_(mask)

    def to_graph(self) -> Graph:
        """The graph with the module's present weights and statistics; masks are kept."""
        changed = {}
        for key, old in self.graph.weights.items():
            tensor = self.weight(key).detach().cpu().contiguous()
            changed[key] = Weight(tensor.numpy().copy(), old.mask)
        return self.graph.with_weights(changed)

    def _bind(self, inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
        if len(inputs) != len(self.graph.inputs):
            msg = f"graph {self.graph.name!r} takes {len(self.graph.inputs)} inputs"
            raise GraphError(msg)
        values = {}
        for (name, tensor_type), value in zip(self.graph.inputs, inputs, strict=True):
            fits_batch = tensor_type.shape[:1] == (1,) or value.shape == tensor_type.shape
            if not fits_batch or tuple(value.shape[1:]) != tensor_type.shape[1:]:
                first = "batch" if tensor_type.shape[:1] == (1,) else tensor_type.shape[0]
                wanted = ", ".join(map(str, (first, *tensor_type.shape[1:])))
                msg = f"input {name!r} is ({wanted}), got {tuple(value.shape)}"
                raise GraphError(msg)
            values[name] = self._placed(value)
        return values

    def _placed(self, tensor: Tensor) -> Tensor:
        if self.channels_last and tensor.dim() == 4:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _free_name(self, wanted: str) -> str:
        taken = {*self._stored.values(), *self._masked.values()}
        name = wanted
        while name in taken:
            name += "+"
        return name
