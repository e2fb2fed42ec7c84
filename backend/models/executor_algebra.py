"""Products of matrices, reductions and normalisations in torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from backend.models.executor_call import Call, Operation


def _reduce(function: Callable[[Tensor, tuple[int, ...], bool], Tensor]) -> Operation:
    def run(call: Call) -> Tensor:
        axes = call.node.integers("axes")
        # torch takes no axes for all axes.
        return function(call.x, axes, bool(call.node.attrs["keep"])) if axes else call.x

    return run


def _layer_norm(call: Call) -> Tensor:
    shape = call.node.type.shape[call.node.integer("axis") :]
    gamma, beta = call.weights["gamma"], call.weights.get("beta")
    return F.layer_norm(
        call.x,
        shape,
        gamma.reshape(shape),
        None if beta is None else beta.reshape(shape),
        call.node.number("epsilon"),
    )


def _instance_norm(call: Call) -> Tensor:
    """As torch's own, which refuses planes of one pixel."""
    x, axes = call.x, tuple(range(2, call.x.dim()))
    if not axes:
        return torch.zeros_like(x) * x + call.weights["beta"]
    centred = x - x.mean(axes, keepdim=True)
    variance = centred.square().mean(axes, keepdim=True)
    shape = (1, -1, *(1,) * len(axes))
    scale = call.weights["gamma"].reshape(shape)
    return centred * (variance + call.node.number("epsilon")).rsqrt() * scale + call.weights[
        "beta"
    ].reshape(shape)


def _local_response_norm(call: Call) -> Tensor:
    node, x = call.node, call.x
    size = node.integer("size")
    before = (size - 1) // 2
    squares = x.square().reshape(x.shape[0], 1, x.shape[1], -1)
    padded = F.pad(squares, (0, 0, before, size - 1 - before))
    total = F.avg_pool2d(padded, (size, 1), stride=1).reshape(x.shape)
    return x / (total * node.number("alpha") + node.number("bias")).pow(node.number("beta"))


ALGEBRA: dict[str, Operation] = {
    "matmul": lambda call: call.x @ call.inputs[1],
    "reduce_mean": _reduce(lambda x, axes, keep: x.mean(axes, keepdim=keep)),
    "reduce_sum": _reduce(lambda x, axes, keep: x.sum(axes, keepdim=keep)),
    "reduce_max": _reduce(lambda x, axes, keep: x.amax(axes, keepdim=keep)),
    "reduce_min": _reduce(lambda x, axes, keep: x.amin(axes, keepdim=keep)),
    "softmax": lambda call: torch.softmax(call.x, call.node.integer("axis")),
    "log_softmax": lambda call: torch.log_softmax(call.x, call.node.integer("axis")),
    "layer_norm": _layer_norm,
    "instance_norm": _instance_norm,
    "local_response_norm": _local_response_norm,
}
