"""Weights of a chain of linear convolutions that best makes one layer's output.

A chain without activations in between is one convolution with a structured kernel, and its squared
error follows from the dense layer's second moments alone: no image is looked at again. The last
part is solved exactly for whatever the parts before it make (variable projection, Golub and
Pereyra, 1973), so only the earlier ones are searched, by L-BFGS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from backend.sparsity.least_squares import relative_error, solve_kept
from backend.sparsity.moments import RIDGE, Moments
from codegen.ir.node import Node

ITERATIONS = 40
AGAIN = 12
"""Iterations of L-BFGS once masks have been chosen."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Convolutions in order.

    Attributes:
        nodes: the parts.
        kernel: (height, width) of the layer whose place they take.
        taps: kernel of the last part; (1, 1) where others stand before it.
    """

    nodes: tuple[Node, ...]
    kernel: tuple[int, int]
    taps: tuple[int, int]

    @property
    def last(self) -> Node:
        """The part that keeps the layer's name."""
        return self.nodes[-1]

    def features(self, weights: Mapping[str, Tensor], channels: int) -> Tensor:
        """What the last part reads, as rows over the layer's columns: (features, columns).

        The last part's own columns are its features, channel by channel and tap by tap.

        Args:
            weights: of all parts before the last, by name of the part.
            channels: that the layer reads.
        """
        high, wide = self.kernel
        made = torch.zeros(channels, channels, high, wide)
        made[torch.arange(channels), torch.arange(channels), high // 2, wide // 2] = 1.0
        for node in self.nodes[:-1]:
            made = _through(made, weights[node.name])
        if self.taps == (1, 1):
            return made.flatten(1)
        return _taps_alone(channels, self.kernel, self.taps)


def why_not_linear(nodes: Sequence[Node], weights: Mapping[str, Tensor]) -> str | None:
    """Why a chain is not one convolution with a structured kernel, or None where it is."""
    for node in nodes:
        if node.op != "conv" or node.text("activation") != "none" or len(node.inputs) > 1:
            return f"{node.name} is not a plain convolution"
    if nodes[-1].integer("groups") != 1:
        return "its last part reads channels by groups"
    if len(nodes) > 1 and tuple(weights[nodes[-1].name].shape[2:]) != (1, 1):
        return "its last part reads more than a pixel"
    if any("bias" in node.weights for node in nodes[:-1]):
        return "a bias stands inside it"
    return None


def projected(moments: Moments, features: Tensor, weight: Tensor) -> Moments:
    """Moments of a layer that reads features (n, columns) of the old inputs.

    Args:
        moments: of the dense layer, of one group.
        features: rows over the dense layer's columns.
        weight: present weight of the new layer, (filters, n); its ridge pulls there.
    """
    ridge = float(moments.ridge[0])
    plain = moments.gram[0] - ridge * torch.eye(moments.gram.shape[1])
    gram = features @ plain @ features.T
    extra = (RIDGE * gram.diagonal().mean()).clamp(min=1e-8)
    cross = features @ moments.cross[0] + extra * weight.T
    gram = gram + extra * torch.eye(len(gram))
    return replace(
        moments,
        gram=gram.unsqueeze(0),
        cross=cross.unsqueeze(0),
        input_mean=(features @ moments.input_mean[0]).unsqueeze(0),
        ridge=extra.reshape(1),
    )


def without_pull(moments: Moments, weight: Tensor) -> Moments:
    """Moments whose ridge pulls towards zero: other filters than `weight` are to be found."""
    cross = moments.cross[0] - moments.ridge[0] * weight.T
    return replace(moments, cross=cross.unsqueeze(0))


def fit_before(
    chain: Chain,
    moments: Moments,
    weights: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
    *,
    fixed_last: Tensor | None = None,
    iterations: int = ITERATIONS,
) -> dict[str, Tensor]:
    """Better weights of the parts before the last.

    Args:
        chain: the parts.
        moments: of the dense layer, of one group, its ridge pulling to zero.
        weights: of all parts, by name, to start from.
        masks: bool, of parts that have one.
        fixed_last: weight of the last part (filters, features) to keep; when not given the last
            part is solved anew for every trial of the others.
        iterations: of L-BFGS.
    """
    names = [node.name for node in chain.nodes[:-1]]
    if not names:
        return {}
    channels = moments.gram.shape[1] // (chain.kernel[0] * chain.kernel[1])
    free = {name: weights[name].clone().requires_grad_(True) for name in names}
    ridge = float(moments.ridge[0])
    gram = moments.gram[0] - ridge * torch.eye(moments.gram.shape[1])
    cross = moments.cross[0]
    whole = float(moments.energy.sum()) or 1.0
    optimiser = torch.optim.LBFGS(
        list(free.values()), max_iter=iterations, history_size=10, line_search_fn="strong_wolfe"
    )

    def masked() -> dict[str, Tensor]:
        return {name: w * masks[name] if name in masks else w for name, w in free.items()}

    def closure() -> Tensor:
        optimiser.zero_grad()
        features = chain.features(masked(), channels)
        seen = features @ gram
        inner, right = seen @ features.T, features @ cross
        if fixed_last is None:
            # the solution's own derivative vanishes at the optimum (envelope theorem)
            with torch.no_grad():
                extra = (RIDGE * inner.diagonal().mean()).clamp(min=1e-8)
                last = torch.linalg.solve(inner + extra * torch.eye(len(inner)), right)
        else:
            last = fixed_last.T
        error: Tensor = (last * (inner @ last - 2.0 * right)).sum() / whole
        error.backward()  # type: ignore[no-untyped-call]
        return error

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    found = {name: weight.detach() for name, weight in masked().items()}
    if not all(bool(torch.isfinite(weight).all()) for weight in found.values()):
        return {name: weights[name] for name in names}
    return found


def solve_last(moments: Moments, features: Tensor, mask: Tensor, band: int) -> Tensor:
    """Weight (filters, features) of the last part that is zero outside its mask.

    There are no old weights for the ridge to pull to: the second solution is pulled to the first.
    """
    found = torch.zeros(mask.shape)
    for _ in range(2):
        found = solve_kept(projected(moments, features, found), mask, band)
    return found


def chain_error(moments: Moments, features: Tensor, last: Tensor) -> float:
    """Mean squared error of the whole chain, as a share of the targets' variance."""
    return relative_error(moments, last @ features)


def _taps_alone(channels: int, kernel: tuple[int, int], taps: tuple[int, int]) -> Tensor:
    """Rows that pick the middle taps of each channel: (channels * taps, columns)."""
    top, left = kernel[0] // 2 - taps[0] // 2, kernel[1] // 2 - taps[1] // 2
    index = torch.arange(channels * kernel[0] * kernel[1]).view(channels, *kernel)
    taken = index[:, top : top + taps[0], left : left + taps[1]].flatten()
    return torch.eye(index.numel())[taken]


def _through(made: Tensor, weight: Tensor) -> Tensor:
    """Kernels (features, channels, h, w) behind one more convolution."""
    filters, per_group, high, wide = weight.shape
    if (high, wide) == (1, 1):
        return torch.einsum("om,mihw->oihw", weight[:, :, 0, 0], made)
    if per_group != 1 or filters % len(made):
        msg = "only 1x1 and depthwise convolutions can stand before the last part"
        raise ValueError(msg)
    # what is there so far reads one pixel: its taps are those of the depthwise kernel
    height, width = made.shape[2:]
    centre = made[:, :, height // 2, width // 2].repeat_interleave(filters // len(made), 0)
    top, left = height // 2 - high // 2, width // 2 - wide // 2
    taps = torch.nn.functional.pad(
        weight[:, 0], (left, width - wide - left, top, height - high - top)
    )
    return centre[:, :, None, None] * taps[:, None]
