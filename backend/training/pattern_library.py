"""Progressive extraction of a pattern library during training, on a net of labelled images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.data.image_data import ImageData
from backend.data.splits import Indices
from backend.sparsity.patterns import PatternSet, universe
from backend.sparsity.patterns.kernels import net_kernels
from backend.sparsity.patterns.library_schedule import PAPER_SIZES, PatternLibrary
from backend.training.classifier import train_classifier
from backend.training.errors import TrainingError
from backend.training.history import Epoch, OnProgress
from backend.training.pattern_pull import PatternPull
from backend.training.recipe import Distillation, Recipe
from codegen.ir.graph import Graph


@dataclass(frozen=True)
class LibraryPlan:
    """How a library is extracted.

    Attributes:
        sizes: of the library after each stage, falling.
        epochs: of each stage.
        images: training images of an epoch, at most.
        stop_share: a stage whose dropped patterns cover this share of kernels or more is held, and
            the extraction ends there; 1 goes through to the last size.
        learning_rate: its peak.
        rho: of `PatternPull`.
        seed: of order and augmentation.
    """

    sizes: tuple[int, ...] = PAPER_SIZES
    epochs: int = 1
    images: int = 4000
    stop_share: float = 1.0
    learning_rate: float = 0.02
    rho: float = 1e-2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.images < 1:
            msg = "a stage of library extraction needs at least one epoch of one image"
            raise TrainingError(msg)

    @property
    def start(self) -> PatternLibrary:
        """The library before the first stage: all 56 patterns.

        Raises:
            PlanError: the sizes do not fall, or the stop rule is no share.
        """
        return PatternLibrary(universe(), self.sizes, self.stop_share)


@dataclass(frozen=True, eq=False)
class LibraryRun:
    """What came of an extraction.

    Attributes:
        library: in the end, with its history.
        graph: the trained net, not pruned: its kernels lean to the patterns of the library.
        history: one entry an epoch; `facts` hold the patterns left and the squared weight outside.
    """

    library: PatternLibrary
    graph: Graph
    history: tuple[Epoch, ...]

    @property
    def patterns(self) -> PatternSet:
        """The library as a pattern set."""
        return self.library.patterns


def extract_library(
    graph: Graph,
    data: ImageData,
    indices: Indices,
    plan: LibraryPlan,
    *,
    checkpoint: Path | None = None,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> LibraryRun:
    """Train a net whose kernels are drawn to a library that loses its least chosen patterns.

    Ma et al. (ECCV 2020), section 4. The patterns are chosen by norm and drawn by a penalty; with
    `punchcard prune --algorithm admm` the same library shrinks inside the papers' ADMM.

    Args:
        graph: trained, with preprocessing; it is its own teacher.
        data: where the images come from.
        indices: training images to use.
        plan: how.
        checkpoint: see `train`.
        on_progress: called after each step.
        should_stop: asked before each step.

    Raises:
        PlanError: the net has no 3x3 convolutions, or the plan's sizes do not fall.
        PunchcardError: see `train_classifier`.
    """
    net_kernels(graph)  # says so where there are none
    pull = PatternPull(plan.start, every=plan.epochs, rho=plan.rho)
    recipe = Recipe(
        epochs=plan.epochs * len(plan.sizes),
        learning_rate=plan.learning_rate,
        seed=plan.seed,
        distillation=Distillation(),
    )
    trained = train_classifier(
        graph,
        data,
        indices[: plan.images],
        recipe,
        teacher=graph,
        regulariser=pull,
        checkpoint=checkpoint,
        on_progress=on_progress,
        should_stop=should_stop,
    )
    return LibraryRun(pull.library, trained.graph, trained.history)
