"""A short training of a pruned graph with its masks held."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from backend.data.batches import flip, normalise, shuffled_batches
from backend.data.errors import DataError
from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.models.graph_module import GraphModule
from backend.training.errors import StoppedError, TrainingError
from backend.training.evaluate import preprocessing_of
from backend.training.optimiser import learning_rate, make_optimiser, set_learning_rate
from backend.training.precision import autocast
from backend.training.teacher import TeacherScores, distillation_loss, teacher_scores
from codegen.ir.graph import Graph

Progress = Callable[[int, int], None]


def fine_tune(
    graph: Graph,
    data: ImageData,
    indices: Indices,
    *,
    epochs: int = 1,
    lr: float = 0.02,
    batch: int = 64,
    seed: int = 0,
    teacher: Graph | TeacherScores | None = None,
    mirror: bool = True,
    weight_decay: float = 1e-4,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Graph:
    """Train a graph on some training images; masked weights stay zero.

    SGD with Nesterov momentum, 10 % warm-up, then a cosine. Same arguments, same result on one
    kind of machine.

    Args:
        graph: pruned or dense; its masks are kept.
        data: where the images come from.
        indices: training images to use, (n,).
        epochs: passes over them; 0 returns the graph as it is.
        lr: peak learning rate.
        batch: images of a step.
        seed: of order and mirroring.
        teacher: the dense net, or its scores on exactly these images, to learn from as well.
        mirror: flip images left and right at random.
        weight_decay: of convolutions and fully connected layers.
        on_progress: called after each step with (steps done, all steps).
        should_stop: asked before each step.

    Raises:
        StoppedError: `should_stop` said so.
        TrainingError: the loss is no longer finite; the message names the layer.
        DataError: there are no images, or they do not fit the model.
    """
    if epochs < 1:
        return graph
    if not len(indices):
        msg = "there are no images to fine-tune on"
        raise DataError(msg)
    preprocessing = preprocessing_of(graph)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = GraphModule(graph, channels_last=True).to(device)
    module.train()
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)  # dropout
    images = torch.from_numpy(data.train_images[indices]).to(device)
    labels = torch.from_numpy(data.train_labels[indices]).to(device)
    if isinstance(teacher, Graph):
        teacher = teacher_scores(teacher, data.train_images[indices])
    optimiser = make_optimiser(module, weight_decay=weight_decay)
    steps, step = epochs * ceil(len(images) / batch), 0
    for _ in range(epochs):
        for part in shuffled_batches(len(images), batch, generator):
            if should_stop is not None and should_stop():
                msg = f"fine-tuning was stopped after {step} of {steps} steps"
                raise StoppedError(msg)
            index = part.to(device)
            flipped = torch.rand(len(part), generator=generator).lt(0.5 if mirror else 0.0)
            x = normalise(flip(images[index], flipped), preprocessing)
            wanted = None if teacher is None else teacher.take(part, flipped).to(device)
            set_learning_rate(optimiser, learning_rate(step, steps, lr))
            _train_step(module, optimiser, x, labels[index], wanted)
            step += 1
            if on_progress is not None:
                on_progress(step, steps)
    return module.to_graph()


def _train_step(
    module: GraphModule,
    optimiser: torch.optim.Optimizer,
    x: Tensor,
    labels: Tensor,
    teacher: Tensor | None,
) -> None:
    with autocast(x.device):
        scores = module(x)
    loss = distillation_loss(scores.float(), labels, teacher)
    if not bool(torch.isfinite(loss)):
        raise TrainingError(_broken_layer(module, x))
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()
    module.apply_masks()


@torch.no_grad()
def _broken_layer(module: GraphModule, x: Tensor) -> str:
    """A sentence that names the first layer whose values are not finite."""
    names = [node.name for node in module.graph.nodes]
    values = module.forward_values(x, names=names)
    broken = next((name for name in names if not bool(values[name].isfinite().all())), None)
    where = f"at layer {broken!r}" if broken is not None else "in the loss"
    return f"training broke down: values are no longer finite {where}; take a lower learning rate"
