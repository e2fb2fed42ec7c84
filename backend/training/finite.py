"""Finds the layer where numbers stop being numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.models.graph_module import GraphModule
from backend.training.errors import TrainingError
from backend.training.precision import autocast


@torch.no_grad()
def require_finite_weights(module: GraphModule, *, hint: str) -> None:
    """Refuse weights and batch-norm statistics that are NaN or infinite.

    Args:
        module: the net; constants may be infinite, as attention's masks are.
        hint: what the user can do.

    Raises:
        TrainingError: the message names the layer and the weight.
    """
    for node in module.graph.nodes:
        for role, key in node.weight_items:
            if role != "value" and not bool(module.weight(key).isfinite().all()):
                msg = (
                    f"the weights are no longer numbers at layer {node.name!r} "
                    f"({key!r} holds NaN or infinity); {hint}"
                )
                raise TrainingError(msg)


@torch.no_grad()
def broken_layer(module: GraphModule, x: Tensor, precision: str) -> str:
    """A sentence that names the first place whose values are not finite for these inputs.

    The net runs once more in the mode it is in, so batch-norm statistics change: call it only
    where the run is given up.
    """
    inputs = [name for name, _ in module.graph.inputs]
    names = [*inputs, *(node.name for node in module.graph.nodes)]
    with autocast(x.device, precision):
        values = module.forward_values(x, names=names)
    broken = next((name for name in names if not bool(values[name].isfinite().all())), None)
    if broken in inputs:
        return "training broke down: an example holds NaN or infinity; correct the data"
    where = "in the loss" if broken is None else f"at layer {broken!r}"
    return f"training broke down: values are no longer finite {where}; take a lower learning rate"
