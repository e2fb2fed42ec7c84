"""The one training loop: a graph, examples and a recipe in, the trained graph out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property
from math import inf
from pathlib import Path

import torch
from torch import Tensor

from backend.data.batches import order_batches
from backend.data.errors import DataError
from backend.models.graph_module import GraphModule
from backend.training.averaging import follow
from backend.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    random_state,
    restore_random_state,
    run_digest,
    save_checkpoint,
)
from backend.training.errors import StoppedError, TrainingError
from backend.training.examples import Batch, Examples
from backend.training.finite import breakdown, require_finite_weights
from backend.training.history import Epoch, OnProgress, Progress, Trained
from backend.training.memory import BatchSplitter, is_out_of_memory
from backend.training.objective import Objective
from backend.training.optimiser import (
    learning_rate,
    make_optimiser,
    momentum,
    restore_momentum,
    set_learning_rate,
)
from backend.training.precision import autocast, best_device, gradient_scaler
from backend.training.recipe import Recipe
from backend.training.regulariser import Regulariser
from backend.training.validation import Validate
from codegen.ir.graph import Graph

CHECKPOINT_EVERY_S = 60.0


def train(
    graph: Graph,
    examples: Examples,
    recipe: Recipe,
    *,
    objective: Objective,
    regulariser: Regulariser | None = None,
    validate: Validate | None = None,
    checkpoint: Path | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
    device: torch.device | None = None,
) -> Trained:
    """Train a graph; masked weights stay zero. It runs on a GPU where there is one.

    Same arguments, same result on one kind of machine, also where the run was stopped or killed
    any number of times in between, as far as the machine's own kernels repeat (CPUs do; cuDNN may
    add up in another order).

    Args:
        graph: pruned or dense, with its weights at the start.
        examples: what to learn from.
        recipe: how.
        objective: the loss.
        regulariser: what a pruning algorithm adds.
        validate: judges the net (its running mean where there is one) after each epoch.
        checkpoint: file to write the run to: after each epoch, every `checkpoint_every_s` seconds,
            and when the run is stopped. Where it exists, the run goes on from there; of a finished
            run it gives the result at once. The caller deletes it.
        checkpoint_every_s: 0 writes after every step.
        on_progress: called after each step.
        should_stop: asked before each step.
        device: the best there is when not given.

    Raises:
        StoppedError: `should_stop` said so; the checkpoint is written.
        TrainingError: weights, values or loss are no longer finite (the message names the layer,
            the last good checkpoint stays), the memory does not do for two examples, or the
            checkpoint is of another run.
        DataError: there are no examples, or they do not fit the model.
    """
    if recipe.epochs < 1:
        return Trained(graph)
    if not len(examples):
        msg = "there are no examples to train on"
        raise DataError(msg)
    if recipe.patience and validate is None:
        msg = "the recipe's patience needs validation images"
        raise TrainingError(msg)
    try:
        run = _Run(graph, examples, recipe, objective, regulariser, device or best_device())
        if checkpoint is not None and checkpoint.exists():
            run.restore(load_checkpoint(checkpoint), checkpoint)
        return run.finish(validate, checkpoint, checkpoint_every_s, on_progress, should_stop)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        # taking fewer examples at once would not help: that is tried where it does
        msg = (
            f"there is not enough memory to train {graph.name!r}, whatever the batch: "
            "take a smaller model or a larger machine"
        )
        raise TrainingError(msg) from None


class _Run:
    """State of a run; everything that changes is in `snapshot`."""

    def __init__(
        self,
        graph: Graph,
        examples: Examples,
        recipe: Recipe,
        objective: Objective,
        regulariser: Regulariser | None,
        device: torch.device,
    ) -> None:
        self._examples, self._recipe, self._objective = examples, recipe, objective
        self._regulariser = regulariser or Regulariser()
        self._device = device
        torch.manual_seed(recipe.seed)  # dropout
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self._module = GraphModule(graph, channels_last=True).to(device)
        require_finite_weights(self._module, hint="load the model anew, or train it again")
        self._averaged: GraphModule | None = None
        if recipe.average:
            self._averaged = GraphModule(graph, channels_last=True).to(device)
        self._optimiser = make_optimiser(self._module, weight_decay=recipe.weight_decay)
        self._scaler = gradient_scaler(device, recipe.precision)
        has_statistics = any(node.op == "batch_norm" for node in graph.nodes)
        self._least = min(2 if has_statistics else 1, len(examples))
        self._splitter = BatchSplitter(recipe.batch, least=self._least)
        kinds = (type(objective).__name__, type(self._regulariser).__name__)
        self._digest = run_digest(graph, recipe, len(examples), kinds)
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = self._step = self._seen = 0
        self._loss_sum = 0.0
        self._history: list[Epoch] = []
        self._best: dict[str, Tensor] = {}
        self._best_loss, self._best_epoch = inf, 0
        self._notes: list[str] = []
        self._note = ""
        self._saved_at, self._save_s = time.monotonic(), 0.0
        self._regulariser.begin(self._module)

    @property
    def _result(self) -> GraphModule:
        return self._averaged or self._module

    def _cut(self, order: Tensor) -> tuple[Tensor, ...]:
        batch = self._recipe.batch
        least = batch if self._recipe.whole_batches else self._least
        return order_batches(order, batch, least=least)

    @cached_property
    def _steps(self) -> int:
        return self._recipe.epochs * len(self._cut(torch.empty(len(self._examples))))

    @property
    def _is_finished(self) -> bool:
        done, patience = len(self._history), self._recipe.patience
        is_stale = patience > 0 and done - self._best_epoch >= patience
        return done >= self._recipe.epochs or (is_stale and done > 0)

    def finish(
        self,
        validate: Validate | None,
        checkpoint: Path | None,
        checkpoint_every_s: float,
        on_progress: OnProgress | None,
        should_stop: Callable[[], bool] | None,
    ) -> Trained:
        """Train to the end."""
        started, first_step, images = time.monotonic(), self._step, 0
        while not self._is_finished:
            if not len(self._order):
                self._order = torch.randperm(len(self._examples), generator=self._generator)
            self._module.train()
            batches = self._cut(self._order)
            while self._position < len(batches):
                if should_stop is not None and should_stop():
                    self._stop(checkpoint)
                rate = self._train_step(batches[self._position])
                images += len(batches[self._position])
                self._position += 1
                elapsed = max(time.monotonic() - started, 1e-9)
                left = (self._steps - self._step) * elapsed / (self._step - first_step)
                at = self._progress(rate, images / elapsed, left)
                if on_progress is not None:
                    on_progress(at)
                self._note = ""
                is_due = time.monotonic() >= self._next_save(checkpoint_every_s)
                if checkpoint is not None and is_due and self._position < len(batches):
                    self._save(checkpoint)
            ended = self._end_epoch(validate)
            if checkpoint is not None:
                self._save(checkpoint)
            if on_progress is not None:
                on_progress(replace(at, ended=ended, note=""))
        return self._trained()

    def _train_step(self, part: Tensor) -> float:
        recipe = self._recipe
        batch = self._examples.take(part, self._generator).to(self._device)
        place = self._regulariser.place(self._step, self._steps)
        rate = learning_rate(*place, recipe.learning_rate, recipe.warm_up)
        set_learning_rate(self._optimiser, rate)
        loss = self._splitter.accumulate(batch, self._add_gradients, self._clear, self._say_halved)
        self._regulariser.observe(loss, float(self._scaler.get_scale()))
        loss += self._add_regulariser(batch)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._module.apply_masks()
        self._step += 1
        self._regulariser.after_step(self._module, self._step)
        if self._averaged is not None:
            follow(self._averaged, self._module, recipe.average, self._step)
        self._loss_sum += loss * len(batch)
        self._seen += len(batch)
        return rate

    def _add_gradients(self, batch: Batch, share: float) -> Tensor:
        with autocast(self._device, self._recipe.precision):
            loss = self._objective.loss(self._module, batch) * share
        self._backward(loss, batch)
        return loss.detach()

    def _add_regulariser(self, batch: Batch) -> float:
        loss = self._regulariser.loss(self._module)
        if loss is None:
            return 0.0
        self._backward(loss, batch)
        return float(loss.detach())

    def _backward(self, loss: Tensor, batch: Batch) -> None:
        if not bool(torch.isfinite(loss)):
            raise TrainingError(breakdown(self._module, batch.x, self._recipe.precision))
        torch.autograd.backward(self._scaler.scale(loss))

    def _clear(self) -> None:
        self._optimiser.zero_grad(set_to_none=True)

    def _say_halved(self, at_once: int) -> None:
        self._note = (
            f"memory ran out: {at_once} examples are taken at once from here on, "
            f"and the gradients of {self._recipe.batch} added up as before"
        )
        self._notes.append(self._note)

    def _end_epoch(self, validate: Validate | None) -> Epoch:
        number = len(self._history) + 1
        self._regulariser.after_epoch(self._module, number)
        seen = dict(validate(self._result)) if validate is not None else {}
        epoch = Epoch(
            number,
            self._loss_sum / max(1, self._seen),
            float(self._optimiser.param_groups[0]["lr"]),
            seen,
            dict(self._regulariser.facts()),
        )
        self._history.append(epoch)
        if self._recipe.patience and seen["loss"] < self._best_loss:
            self._best_loss, self._best_epoch = seen["loss"], number
            self._best = {k: v.clone() for k, v in self._result.state_dict().items()}
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = self._seen = 0
        self._loss_sum = 0.0
        return epoch

    def _trained(self) -> Trained:
        result = self._result
        if self._best:
            result.load_state_dict(self._best)
        require_finite_weights(result)
        best = self._best_epoch or len(self._history)
        return Trained(result.to_graph(), tuple(self._history), best, tuple(self._notes))

    def _stop(self, checkpoint: Path | None) -> None:
        if checkpoint is not None:
            self._save(checkpoint)
        msg = f"training was stopped after {self._step} of {self._steps} steps"
        raise StoppedError(msg)

    def _progress(self, rate: float, images_per_s: float, eta_s: float) -> Progress:
        return Progress(
            epoch=len(self._history) + 1,
            epochs=self._recipe.epochs,
            step=self._step,
            steps=self._steps,
            loss=self._loss_sum / max(1, self._seen),
            learning_rate=rate,
            images_per_s=images_per_s,
            eta_s=eta_s,
            note=self._note,
        )

    def _save(self, path: Path) -> None:
        require_finite_weights(self._module)
        began = time.monotonic()
        save_checkpoint(self.snapshot(), path)
        self._saved_at = time.monotonic()
        self._save_s = self._saved_at - began

    def _next_save(self, every_s: float) -> float:
        """When the next checkpoint is due; large ones take at most a twentieth of the time."""
        return self._saved_at + (max(every_s, 20 * self._save_s) if every_s else 0.0)

    def snapshot(self) -> Checkpoint:
        """The run as it stands between two steps."""
        groups = {
            "weights": self._module.state_dict(),
            "average": {} if self._averaged is None else self._averaged.state_dict(),
            "best": self._best,
            "momentum": momentum(self._module, self._optimiser),
            "random": random_state(self._generator),
            # a state may be a view of a weight, and the file takes no memory twice
            "regulariser": {k: v.clone() for k, v in self._regulariser.state().items()},
            "order": {"examples": self._order},
        }
        tensors = {
            f"{group}/{name}": tensor
            for group, members in groups.items()
            for name, tensor in members.items()
        }
        facts = {
            "step": self._step,
            "position": self._position,
            "seen": self._seen,
            "loss_sum": self._loss_sum,
            "history": [asdict(epoch) for epoch in self._history],
            "best_loss": None if self._best_loss == inf else self._best_loss,
            "best_epoch": self._best_epoch,
            "at_once": self._splitter.at_once,
            "notes": self._notes,
            "scaler": self._scaler.state_dict(),
        }
        return Checkpoint(self._digest, tensors, facts)

    def restore(self, checkpoint: Checkpoint, path: Path) -> None:
        """Go back to a snapshot of the same run.

        Raises:
            TrainingError: it is of another run.
        """
        if checkpoint.run != self._digest:
            msg = (
                f"the checkpoint {str(path)!r} is of another run (another model, data set or "
                "recipe): delete it, or name another file"
            )
            raise TrainingError(msg)
        facts = checkpoint.facts
        self._module.load_state_dict(checkpoint.group("weights"))
        if self._averaged is not None:
            self._averaged.load_state_dict(checkpoint.group("average"))
        restore_momentum(self._module, self._optimiser, checkpoint.group("momentum"))
        restore_random_state(checkpoint.group("random"), self._generator)
        self._regulariser.load_state(checkpoint.group("regulariser"))
        self._best = checkpoint.group("best")
        self._order = checkpoint.tensors["order/examples"]
        self._step, self._position = int(facts["step"]), int(facts["position"])
        self._seen, self._loss_sum = int(facts["seen"]), float(facts["loss_sum"])
        self._history = [Epoch(**epoch) for epoch in facts["history"]]
        best = facts["best_loss"]
        self._best_loss = inf if best is None else float(best)
        self._best_epoch = int(facts["best_epoch"])
        self._splitter = BatchSplitter(
            self._recipe.batch, least=self._least, at_once=int(facts["at_once"])
        )
        self._notes = list(facts["notes"])
        if facts["scaler"]:
            self._scaler.load_state_dict(facts["scaler"])
