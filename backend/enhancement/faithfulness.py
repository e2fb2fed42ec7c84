"""Whether the pixels that a map calls important are: deletion and insertion, without labels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from backend.enhancement.attributed_net import AttributedNet

STEPS = 10


def deletion_and_insertion(
    net: AttributedNet,
    x: Tensor,
    classes: Tensor,
    maps: Tensor,
    *,
    steps: int = STEPS,
    tick: Callable[[int], None] = lambda passes: None,
) -> tuple[Tensor, Tensor]:
    """Area under the class's probability while pixels go, and while they come; each (n,), 0 to 1.

    Petsiuk, Das, Saenko: RISE (BMVC 2018), section 4.2: pixels are blackened (or given back to a
    black picture) in the order of the map, the strongest first. A faithful map has a small deletion
    and a large insertion area. Deviation: both start from black, theirs inserts into a blurred one.

    Args:
        net: the classifier that the maps explain.
        x: inputs (n, c, h, w).
        classes: the class whose probability is followed, (n,).
        maps: importance of each pixel, (n, h, w).
        steps: equal shares in which pixels go and come.
        tick: called with the number of images after each pass through the net.
    """
    black, _ = net.box()
    count, pixels = len(x), maps[0].numel()
    order = maps.flatten(1).argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order)
    ranks = torch.arange(pixels, device=x.device).expand(count, -1)
    rank.scatter_(1, order, ranks)
    rank = rank.view(count, 1, *maps.shape[1:])
    curves: list[list[Tensor]] = [[], []]
    for step in range(steps + 1):
        chosen = rank < round(pixels * step / steps)
        for curve, kept in zip(curves, (~chosen, chosen), strict=True):
            scores = net.scores(torch.where(kept, x, black.expand_as(x)))
            curve.append(scores.softmax(1).gather(1, classes.view(-1, 1)).flatten())
            tick(count)
    deletion, insertion = (torch.trapezoid(torch.stack(c), dim=0) / steps for c in curves)
    return deletion, insertion
