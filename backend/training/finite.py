"""Finds the layer where numbers stop being numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.models.graph_module import GraphModule
from backend.training.errors import TrainingError
from backend.training.precision import autocast

_STATISTICS = frozenset({"mean", "variance"})
_CONSTANT = "value"
_LOWER = "take a lower learning rate"


def require_finite_weights(module: GraphModule, *, hint: str = _LOWER) -> None:
    """Refuse weights and batch-norm statistics that are NaN or infinite.

    Args:
        module: the net; constants may be infinite, as attention's masks are.
        hint: what the user can do.

    Raises:
        TrainingError: the message names the layer and the weight.
    """
    broken = _broken_weight(module, frozenset({_CONSTANT}))
    if broken is not None:
        msg = f"{broken}; {hint}"
        raise TrainingError(msg)


@torch.no_grad()
def breakdown(module: GraphModule, x: Tensor, precision: str) -> str:
    """A sentence that names the first place whose values are not finite for these inputs.

    Looked at in this order: the inputs, the weights, the values from the first node on. The net
    runs once more in the mode it is in, so batch-norm statistics change: call it only where the
    run is given up.
    """
    if not bool(x.isfinite().all()):
        return "training broke down: an example holds NaN or infinity; correct the data"
    # statistics follow the values, so what broke first is told by the values
    weight = _broken_weight(module, _STATISTICS | {_CONSTANT})
    if weight is not None:
        return f"training broke down: {weight}; {_LOWER}"
    names = [node.name for node in module.graph.nodes]
    with autocast(x.device, precision):
        values = module.forward_values(x, names=names)
    broken = next((name for name in names if not bool(values[name].isfinite().all())), None)
    where = "in the loss" if broken is None else f"at layer {broken!r}"
    return f"training broke down: values are no longer finite {where}; {_LOWER}"


@torch.no_grad()
def _broken_weight(module: GraphModule, left_out: frozenset[str]) -> str | None:
    for node in module.graph.nodes:
        for role, key in node.weight_items:
            if role not in left_out and not bool(module.weight(key).isfinite().all()):
                return (
                    f"the weights are no longer numbers at layer {node.name!r} "
                    f"({key!r} holds NaN or infinity)"
                )
    return None
