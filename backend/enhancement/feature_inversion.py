"""Pictures made anew from what a net knows of them at one of its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.errors import EnhancementError
from backend.enhancement.rectifiers import rectified_values
from backend.enhancement.settings import ITERATIONS
from codegen.ir.graph import Graph

_RATE = 0.6
_START_DEVIATION = 0.1
_TOTAL_VARIATION = 0.05
_ALPHA = 6
_ALPHA_NORM = 0.01
_SMALL = 1e-6


@dataclass(frozen=True, eq=False)
class Inversion:
    """Recovered pictures.

    Attributes:
        pictures: pixel values 0 to 1, (n, c, h, w).
        first_loss: of the noise each began with, (n,).
        last_loss: of the pictures, (n,).
        feature_error: |features - wanted|^2 / |wanted|^2 of the pictures, (n,).
    """

    pictures: Tensor
    first_loss: Tensor
    last_loss: Tensor
    feature_error: Tensor


def default_layer(dense: Graph, pruned: Graph) -> str:
    """The rectified value a third of the way through that both nets have with the same shape.

    Raises:
        EnhancementError: they have none in common.
    """
    common = [
        name
        for name in rectified_values(dense)
        if name in pruned.by_name and pruned.type_of(name) == dense.type_of(name)
    ]
    if not common:
        msg = (
            f"the nets {dense.name!r} and {pruned.name!r} have no rectified layer of the same name "
            "and shape, so features cannot be inverted: leave that method out"
        )
        raise EnhancementError(msg)
    return common[len(common) // 3]


def invert_features(
    net: AttributedNet,
    x: Tensor,
    layer: str,
    noise: Tensor,
    *,
    iterations: int = ITERATIONS,
    tick: Callable[[int], None] = lambda passes: None,
) -> Inversion:
    """Find pictures that give the same features as `x` at a layer.

    Mahendran and Vedaldi, Understanding Deep Image Representations by Inverting Them (CVPR 2015),
    eq. 1 to 6: |Phi(z) - Phi(x)|^2 / |Phi(x)|^2 plus an alpha norm (alpha = 6) and total variation
    (beta = 2), both divided by what a picture of full contrast can have. Deviations: Adam with a
    cosine in place of gradient descent with momentum, and values are kept between black and white.

    Args:
        net: the classifier.
        x: inputs (n, c, h, w) whose features are wanted.
        layer: a node of the net.
        noise: standard normal numbers of the shape of `x`; the same for nets that are compared.
        iterations: steps of Adam.
        tick: called with the number of images after each step.

    Raises:
        EnhancementError: the net has no such layer.
    """
    if layer not in net.graph.by_name:
        near = ", ".join(rectified_values(net.graph)[:8])
        msg = f"the net {net.name!r} has no layer {layer!r} to invert; it has {near} …"
        raise EnhancementError(msg)
    low, high = net.box()
    reach = torch.maximum(low.abs(), high.abs())
    with torch.no_grad():
        wanted = net.values(x, layer).flatten(1)
        energy = wanted.square().sum(1).clamp(min=_SMALL)
    z = (_START_DEVIATION * noise.to(x)).clamp(low, high).requires_grad_()
    optimiser = torch.optim.Adam([z], lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, iterations)

    def losses() -> tuple[Tensor, Tensor]:
        error = (net.values(z, layer).flatten(1) - wanted).square().sum(1) / energy
        return error + _regularisers(z, reach), error

    first = torch.zeros(0)
    for _ in range(iterations):
        loss, _ = losses()
        if not len(first):
            first = loss.detach()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss.sum())
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            z.copy_(torch.minimum(torch.maximum(z, low), high))
        tick(len(x))
    with torch.no_grad():
        loss, error = losses()
        pictures = (z - low) / (high - low)
    return Inversion(pictures, first, loss, error)


def _regularisers(z: Tensor, reach: Tensor) -> Tensor:
    share = z / reach
    norm = share.pow(_ALPHA).flatten(1).mean(1)
    down = (share[:, :, 1:] - share[:, :, :-1]).square().flatten(1).mean(1)
    right = (share[..., 1:] - share[..., :-1]).square().flatten(1).mean(1)
    return _ALPHA_NORM * norm + _TOTAL_VARIATION * (down + right)
