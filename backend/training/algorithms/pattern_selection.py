"""Which pattern each kernel takes, learnt together with the weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from backend.sparsity.schemes.structure import BoolArray, FloatArray, IntArray, sum_bands
from backend.training.algorithms.simplex import project_simplex

_SHARPNESS = 20.0


class PatternSelection:
    """Pattern selection of one layer by the relaxation of Ma et al. (ECCV 2020).

    min f(w o sum_j z_j p_j) with z one-hot for each kernel. z is relaxed to the probability
    simplex and split z = u with multipliers mu; the trainer takes (w, z) down f + rho / 2
    ||z - u + mu / rho||^2, and `update` takes u = projection of z + mu / rho, mu += rho (z - u). At
    the end each kernel takes the largest entry of u. Filters of a group share their z, since they
    share their pattern.

    Deviation: z starts at a softmax of the share of the kernel's energy that each pattern keeps. A
    uniform start scales every weight off the centre by 3/8, which a short training does not undo.

    Args:
        weight: of the layer, (filters, channels, 3, 3).
        masks: of the library's patterns, (patterns, 9).
        band: filters that share patterns.
    """

    def __init__(self, weight: Tensor, masks: BoolArray, band: int) -> None:
        self._band = band
        self._shape = weight.shape
        self._masks = torch.from_numpy(masks.astype(np.float32)).to(weight.device)
        columns = weight.detach().cpu().reshape(len(weight), -1).numpy()
        energy = torch.from_numpy(sum_bands(columns**2, band)).to(weight.device)
        kernels = energy.view(len(energy), weight.shape[1], -1)  # (bands, channels, 9)
        share = kernels @ self._masks.T / kernels.sum(-1, keepdim=True).clamp(min=1e-12)
        self.z = torch.softmax(_SHARPNESS * share, dim=-1).requires_grad_()
        self.u = self.z.detach().clone()
        self.mu = torch.zeros_like(self.u)

    def seen(self, weight: Tensor) -> Tensor:
        """What the layer multiplies with in w's place: w o sum_j z_j p_j."""
        soft = (self.z @ self._masks).repeat_interleave(self._band, dim=0)[: self._shape[0]]
        return weight * soft.view(self._shape)

    @torch.no_grad()
    def folded(self, weight: FloatArray) -> FloatArray:
        """`seen` of a weight that is no longer trained."""
        return np.asarray(self.seen(torch.from_numpy(weight).to(self.u.device)).cpu())

    def penalty(self, rho: float) -> Tensor:
        """The pull: rho / 2 ||z - u + mu / rho||^2."""
        return 0.5 * rho * (self.z - self.u + self.mu / rho).square().sum()

    @torch.no_grad()
    def step(self, rate: float, rho: float, scale: float = 1.0) -> None:
        """One step of z down its gradient, which is then forgotten; never past z = u - mu / rho.

        Args:
            rate: learning rate.
            rho: of the penalty.
            scale: what the gradient was multiplied by; a step that overflowed is left out, as the
                trainer leaves it out for the weights.
        """
        gradient, self.z.grad = self.z.grad, None
        if gradient is not None and bool(gradient.isfinite().all()):
            self.z.sub_(min(rate, 0.5 / rho) / scale * gradient)

    @torch.no_grad()
    def update(self, rho: float) -> float:
        """The u and mu steps; returns ||z - u|| / ||u||."""
        z = self.z.detach()
        self.u = project_simplex(z + self.mu / rho)
        self.step_multipliers(rho)
        return float((z - self.u).norm() / self.u.norm())

    def step_multipliers(self, rho: float) -> None:
        """Mu += rho (z - u)."""
        self.mu = self.mu + rho * (self.z.detach() - self.u)

    def choice(self) -> IntArray:
        """Pattern of each kernel, (bands, channels)."""
        return np.asarray(self.u.argmax(-1).cpu().numpy())

    @torch.no_grad()
    def keep(self, patterns: IntArray, masks: BoolArray) -> None:
        """Go on with some of the library's patterns; the mass of the others moves to the nearest.

        Args:
            patterns: indices that stay, in their new order.
            masks: theirs, (patterns, 9).
        """
        index = torch.from_numpy(patterns).to(self.z.device)
        self._masks = torch.from_numpy(masks.astype(np.float32)).to(self.z.device)
        self.z = project_simplex(self.z.detach()[..., index]).requires_grad_()
        self.u = project_simplex(self.u[..., index])
        self.mu = self.mu[..., index].clone()

    def state(self) -> dict[str, Tensor]:
        """Everything that has to be stored to go on later."""
        return {"z": self.z.detach(), "u": self.u, "mu": self.mu, "masks": self._masks}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.z = state["z"].to(self.u).clone().requires_grad_()
        self._masks = state["masks"].to(self.u).clone()
        self.mu = state["mu"].to(self.u).clone()
        self.u = state["u"].to(self.u).clone()
