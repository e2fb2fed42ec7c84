"""What a training run tells: while it runs, and of each epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from codegen.ir.graph import Graph


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    Attributes:
        number: counts from 1.
        loss: mean over its examples, regulariser included.
        learning_rate: of its last step.
        validation: what the validation said; empty without one.
        facts: what the regulariser said.
    """

    number: int
    loss: float
    learning_rate: float
    validation: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    Attributes:
        epoch: counts from 1.
        epochs: of the whole run.
        step: optimiser steps done.
        steps: of the whole run.
        loss: mean of this epoch so far, regulariser included.
        learning_rate: of the last step.
        images_per_s: of this session.
        eta_s: seconds until the end at that speed.
        ended: the epoch, in the one event that follows its last step; None in those of steps.
        note: something unusual that the user should read, mostly empty.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    learning_rate: float
    images_per_s: float
    eta_s: float
    ended: Epoch | None = None
    note: str = ""


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, eq=False)
class Trained:
    """What came of a run.

    Attributes:
        graph: the net; with a running mean, that mean; with patience, the best.
        history: one entry an epoch.
        best_epoch: whose weights these are; counts from 1, 0 where nothing was trained.
        notes: what was unusual, such as a batch that had to be halved.
    """

    graph: Graph
    history: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    notes: tuple[str, ...] = ()
