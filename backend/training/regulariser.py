"""What a pruning algorithm adds to a training run."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from backend.models.graph_module import GraphModule


class Regulariser:
    """Adds to the loss and acts between steps; this one does neither.

    Order of calls: `begin` once, before the first step; where a run is resumed, `load_state` right
    after it. Then in each step `place`, `observe`, `loss`, the optimiser, the masks, `after_step`;
    after the last step of an epoch `after_epoch` and `facts`. `state` may be asked after any step.
    Everything that changes during a run must be in it, or a resumed run ends elsewhere.
    """

    def begin(self, module: GraphModule) -> None:
        """Make what is needed, on the module's device, from the weights before training."""

    def place(self, step: int, steps: int) -> tuple[int, int]:
        """Where the learning rate's schedule stands at a step, and how many steps it has."""
        return step, steps

    def observe(self, loss: float, scale: float) -> None:
        """Learn the objective's loss of this step, and what gradients are multiplied by (fp16)."""

    def loss(self, module: GraphModule) -> Tensor | None:
        """What to add to the objective's loss in this step; a scalar, or None for nothing."""

    def after_step(self, module: GraphModule, step: int) -> None:
        """Act after an optimiser step; `step` counts from 1 over the whole run."""

    def after_epoch(self, module: GraphModule, epoch: int) -> None:
        """Act after an epoch, before it is validated; `epoch` counts from 1."""

    def facts(self) -> Mapping[str, float]:
        """Numbers for the history of the epoch that has just ended."""
        return {}

    def state(self) -> Mapping[str, Tensor]:
        """Everything that `load_state` needs to go on exactly here."""
        return {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over a state; its tensors lie on the CPU."""
