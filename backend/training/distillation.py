"""Learning from a dense net: its scores, and its values inside."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from backend.models.graph_module import GraphModule
from backend.training.errors import TrainingError
from backend.training.examples import Batch
from backend.training.objective import require_labels
from backend.training.recipe import Distillation
from codegen.errors import GraphError
from codegen.ir.graph import Graph


class Distilled:
    """Cross-entropy with the labels, KL to the teacher's scores, distance to its features.

    Scores that a batch brings are taken; otherwise the teacher sees the batch, as it is augmented,
    in eval mode.

    Args:
        distillation: weights of the three, temperature, nodes.
        teacher: the dense net; None where every batch brings its scores and no features are used.
        label_smoothing: of the cross-entropy.

    Raises:
        TrainingError: features are wanted without a teacher.
    """

    def __init__(
        self,
        distillation: Distillation,
        teacher: Graph | None,
        *,
        label_smoothing: float = 0.0,
    ) -> None:
        if teacher is None and distillation.feature_weight:
            msg = "features can only be distilled from the teacher itself, not from its scores"
            raise TrainingError(msg)
        self._by = distillation
        self._label_smoothing = label_smoothing
        self._teacher: GraphModule | None = None
        if teacher is not None:
            self._teacher = GraphModule(teacher, channels_last=True).eval().requires_grad_(False)
        self._pairs: dict[str, tuple[tuple[str, str], ...]] = {}

    def loss(self, module: GraphModule, batch: Batch) -> Tensor:
        """See `Objective`.

        Raises:
            DataError: a label is not among the net's classes.
            TrainingError: nodes to compare are absent or of other shapes.
        """
        pairs = self._pairs_for(module.graph)
        output = module.graph.outputs[0]
        values = module.forward_values(batch.x, names=[output, *(ours for ours, _ in pairs)])
        scores = values[output].float()
        require_labels(batch.wanted, scores.shape[1])
        theirs = self._taught(batch, [name for _, name in pairs])
        loss = distillation_loss(
            scores,
            batch.wanted,
            theirs[_SCORES],
            self._by,
            label_smoothing=self._label_smoothing,
        )
        if pairs:
            distances = [feature_distance(values[a], theirs[b]) for a, b in pairs]
            loss = loss + self._by.feature_weight * torch.stack(distances).mean()
        return loss

    def _taught(self, batch: Batch, names: list[str]) -> dict[str, Tensor]:
        if self._teacher is None or (batch.teacher is not None and not names):
            if batch.teacher is None:
                msg = "there are neither a teacher nor its scores to learn from"
                raise TrainingError(msg)
            return {_SCORES: batch.teacher}
        output = self._teacher.graph.outputs[0]
        with torch.no_grad():
            values = self._teacher.to(batch.x.device).forward_values(
                batch.x, names=[output, *names]
            )
        return {**values, _SCORES: values[output].float()}

    def _pairs_for(self, student: Graph) -> tuple[tuple[str, str], ...]:
        if self._teacher is None or not self._by.feature_weight:
            return ()
        key = student.structure_digest
        if key not in self._pairs:
            self._pairs[key] = feature_pairs(student, self._teacher.graph, self._by.features)
        return self._pairs[key]


_SCORES = ""
"""Key of the scores among a teacher's values; no node has this name."""


def distillation_loss(
    scores: Tensor,
    labels: Tensor,
    teacher: Tensor,
    by: Distillation | None = None,
    *,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy by `hard_weight`, the rest T^2 KL of the teacher's softened scores to ours.

    Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network (2015), section 2; they
    leave the weights open.
    """
    by = by or Distillation()
    hard = functional.cross_entropy(scores, labels, label_smoothing=label_smoothing)
    soft = functional.kl_div(
        functional.log_softmax(scores / by.temperature, dim=1),
        functional.log_softmax(teacher / by.temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return by.hard_weight * hard + (1.0 - by.hard_weight) * by.temperature**2 * soft


def feature_distance(ours: Tensor, theirs: Tensor) -> Tensor:
    """Squared distance of two values, divided by the teacher's energy: 1 says nothing is alike.

    FitNets (2015), equation 3, without a regressor, since shapes agree; normalised, so that deep
    and shallow values weigh alike.
    """
    ours, theirs = ours.float(), theirs.float()
    return (ours - theirs).square().sum() / theirs.square().sum().clamp_min(1e-12)


def feature_pairs(
    student: Graph, teacher: Graph, names: tuple[str, ...] = ()
) -> tuple[tuple[str, str], ...]:
    """Nodes to compare, as (student's, teacher's).

    Args:
        student: the net that is trained.
        teacher: the dense net.
        names: nodes of both nets; empty pairs the last value of each stage (of each height and
            width) where the shapes agree.

    Raises:
        TrainingError: a node is absent or of another shape; or no stage agrees.
    """
    if names:
        for name in names:
            _require_alike(student, teacher, name)
        return tuple((name, name) for name in names)
    theirs = _stage_ends(teacher)
    pairs = tuple(
        (ours, theirs[shape]) for shape, ours in _stage_ends(student).items() if shape in theirs
    )
    if not pairs:
        msg = f"no stage of {student.name!r} has the shape of one of {teacher.name!r}: name nodes"
        raise TrainingError(msg)
    return pairs


def _stage_ends(graph: Graph) -> dict[tuple[int, ...], str]:
    """Shape of the last picture of each height and width above 1x1, and its node."""
    ends = {}
    for node in graph.nodes:
        if len(node.type.shape) == 4 and max(node.type.shape[2:]) > 1:
            ends[node.type.shape[2:]] = node
    return {node.type.shape: node.name for node in ends.values()}


def _require_alike(student: Graph, teacher: Graph, name: str) -> None:
    try:
        ours, theirs = student.type_of(name).shape, teacher.type_of(name).shape
    except GraphError as error:
        msg = f"features cannot be compared: {error}"
        raise TrainingError(msg) from None
    if ours != theirs:
        msg = f"features of {name!r} cannot be compared: {ours} here, {theirs} in the teacher"
        raise TrainingError(msg)
