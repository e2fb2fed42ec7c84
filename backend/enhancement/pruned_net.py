"""A dense net and its pruned version, made on the spot where a user has none yet."""

from __future__ import annotations

from collections.abc import Callable

import torch

from backend.data.batches import normalise
from backend.data.image_data import ImageData
from backend.data.splits import split_validation
from backend.enhancement.order import PruneOrder
from backend.sparsity.batch_norm import reestimate_batch_norm
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import legal_schemes, prunable_layers
from backend.sparsity.repair import repair
from backend.training.evaluate import preprocessing_of
from backend.training.fine_tune import fine_tune
from codegen.errors import PlanError
from codegen.ir.graph import Graph

_CALIBRATION_IMAGES = 512
_EPOCH_IMAGES = 10_000


def prune_pair(
    dense: Graph,
    data: ImageData,
    order: PruneOrder,
    *,
    on_progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> tuple[Graph, Graph]:
    """The dense net and its pruned version, both with the same extra training.

    Args:
        dense: a trained net with preprocessing.
        data: its training images; validation images are not touched.
        order: what to do.
        on_progress: called with (phase, steps done, all steps).

    Raises:
        PlanError: no layer of the net can be pruned so.
    """
    candidate = candidate_of(dense, order)
    indices = split_validation(data).train_indices
    pixels = torch.from_numpy(data.train_images[indices[:_CALIBRATION_IMAGES]])
    images = normalise(pixels, preprocessing_of(dense))
    on_progress("pruning and repair", 0, 1)
    pruned = repair(dense, candidate, images)
    on_progress("pruning and repair", 1, 1)
    if not order.epochs:
        return dense, pruned
    tuned = []
    for name, graph in (("dense", dense), ("pruned", pruned)):
        trained = fine_tune(
            graph,
            data,
            indices[:_EPOCH_IMAGES],
            epochs=order.epochs,
            seed=order.seed,
            teacher=dense,
            on_progress=lambda done, total, name=name: on_progress(  # type: ignore[misc]
                f"training the {name} net", done, total
            ),
        )
        tuned.append(reestimate_batch_norm(trained, images))
    return tuned[0], tuned[1]


def candidate_of(graph: Graph, order: PruneOrder) -> Candidate:
    """The candidate that prunes every layer the scheme can prune at the order's rate.

    Raises:
        PlanError: there is no such layer.
    """
    layers = [
        node.name for node in prunable_layers(graph) if order.scheme in legal_schemes(graph, node)
    ]
    choice = LayerChoice(order.scheme, order.rate, patterns=order.patterns)
    if not layers or choice.is_dense:
        msg = f"no layer of {graph.name!r} can be pruned by {order.scheme!r}: name another scheme"
        raise PlanError(msg)
    return Candidate.of({name: choice for name in layers})
