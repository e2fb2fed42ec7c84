"""Integrated gradients from black to the picture, with their completeness checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from backend.enhancement.attributed_net import AttributedNet
from backend.enhancement.settings import MOST_STEPS, STEPS, TOLERANCE

_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each pixel adds to a class's score, and how well that adds up.

    Attributes:
        values: (n, c, h, w).
        gap: |sum(values) - (f(x) - f(black))| / |f(x) - f(black)|, (n,).
        steps: intervals of the path that were used, (n,).
    """

    values: Tensor
    gap: Tensor
    steps: Tensor


def integrated_gradients(
    net: AttributedNet,
    x: Tensor,
    classes: Tensor,
    *,
    steps: int = STEPS,
    most_steps: int = MOST_STEPS,
    tolerance: float = TOLERANCE,
    tick: Callable[[int], None] = lambda passes: None,
) -> Attribution:
    """Attribute one class's score each to the pixels.

    Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks (ICML 2017), eq. 1 and 3:
    (x - x') times the mean gradient on the straight path from the baseline x', here the black
    picture after normalisation. Completeness (their proposition 1) asks that the attributions sum
    to f(x) - f(x').

    Deviations: the mean is trapezoidal, its nodes begin at (k / steps)^2 since nets change most
    near black, and as long as an image misses completeness by more than `tolerance` the interval
    is halved over which the score changed least as its gradients say. That needs about a third of
    the passes of doubling all steps.

    Args:
        net: the classifier.
        x: inputs (n, c, h, w).
        classes: the class of each, (n,).
        steps: intervals of the path to begin with.
        most_steps: intervals at which an image is given up, whatever its gap.
        tolerance: relative gap that is good enough.
        tick: called with the number of images after each pass through the net.
    """
    paths = _Paths(net, x, classes, max(steps, most_steps), tick)
    paths.begin(steps)
    while len(open_ones := paths.open_images(tolerance, most_steps)):
        paths.halve_worst(open_ones)
    return Attribution(paths.attributions(), paths.gaps(), paths.count.clone())


class _Paths:
    """One straight path an image, with the nodes, intervals and errors that it has so far."""

    def __init__(
        self,
        net: AttributedNet,
        x: Tensor,
        classes: Tensor,
        most: int,
        tick: Callable[[int], None],
    ) -> None:
        self._net, self._x, self._classes, self._tick = net, x, classes, tick
        black, _ = net.box()
        self._baseline = black.expand_as(x)
        self._way = x - self._baseline
        images = len(x)
        self.count = torch.zeros(images, dtype=torch.long, device=x.device)
        self._at = x.new_zeros(images, most + 1)
        self._score = x.new_zeros(images, most + 1)
        self._slope = x.new_zeros(images, most + 1)
        self._gradient = x.new_zeros(images, most + 1, *x.shape[1:])
        self._left = torch.zeros(images, most, dtype=torch.long, device=x.device)
        self._right = torch.zeros_like(self._left)
        self._error = x.new_full((images, most), -1.0)
        self._mean = torch.zeros_like(x)

    def begin(self, steps: int) -> None:
        """Lay the first nodes and intervals."""
        everyone = torch.arange(len(self._x), device=self._x.device)
        for k in range(steps + 1):
            self._add_node(everyone, k, self._x.new_full((len(everyone),), (k / steps) ** 2))
        for k in range(steps):
            self._add_interval(everyone, torch.full_like(everyone, k), k, k + 1)
        self.count += steps

    def open_images(self, tolerance: float, most_steps: int) -> Tensor:
        """Indices of images that are not complete yet and may have more intervals."""
        return ((self.gaps() > tolerance) & (self.count < most_steps)).nonzero().flatten()

    def halve_worst(self, images: Tensor) -> None:
        """Put a node in the middle of each image's worst interval."""
        worst = self._error[images].argmax(1)
        left, right = self._left[images, worst], self._right[images, worst]
        count = int(self.count[images[0]])  # images that are still open have the same number
        middle = (self._at[images, left] + self._at[images, right]) / 2
        self._mean[images] -= self._trapezoid(images, left, right)
        self._add_node(images, count + 1, middle)
        self._add_interval(images, worst, left, count + 1)
        self._add_interval(images, torch.full_like(worst, count), count + 1, right)
        self.count[images] += 1

    def attributions(self) -> Tensor:
        """The way from black to the picture times the mean gradient, (n, c, h, w)."""
        return self._way * self._mean

    def gaps(self) -> Tensor:
        """Relative error of the sum of attributions, (n,)."""
        wanted = self._score_of_picture() - self._score[:, 0]
        found = self.attributions().flatten(1).sum(1)
        return (found - wanted).abs() / wanted.abs().clamp(min=_TINY)

    def _score_of_picture(self) -> Tensor:
        return self._score.gather(1, self._at.argmax(1, keepdim=True)).flatten()

    def _add_node(self, images: Tensor, node: int, at: Tensor) -> None:
        points = self._baseline[images] + at.view(-1, 1, 1, 1) * self._way[images]
        score, gradient = self._net.class_gradient(points, self._classes[images])
        self._at[images, node] = at
        self._score[images, node] = score
        self._gradient[images, node] = gradient
        self._slope[images, node] = (gradient * self._way[images]).flatten(1).sum(1)
        self._tick(len(images))

    def _add_interval(
        self, images: Tensor, interval: Tensor, left: Tensor | int, right: Tensor | int
    ) -> None:
        first = torch.as_tensor(left, device=images.device).expand(len(images))
        last = torch.as_tensor(right, device=images.device).expand(len(images))
        self._left[images, interval], self._right[images, interval] = first, last
        length = self._at[images, last] - self._at[images, first]
        slope = (self._slope[images, first] + self._slope[images, last]) / 2
        change = self._score[images, last] - self._score[images, first]
        self._error[images, interval] = (change - length * slope).abs()
        self._mean[images] += self._trapezoid(images, first, last)

    def _trapezoid(self, images: Tensor, left: Tensor, right: Tensor) -> Tensor:
        length = self._at[images, right] - self._at[images, left]
        both = self._gradient[images, left] + self._gradient[images, right]
        return length.view(-1, 1, 1, 1) / 2 * both
