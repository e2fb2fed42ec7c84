"""A net with its space and tables, before anything is evaluated (no torch)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from backend.bench.errors import BenchError
from backend.bench.search.plan import Plan
from backend.config.search_space import SpaceConfig
from backend.data.image_data import ImageData
from backend.data.registry import open_data
from backend.data.splits import Split, split_validation
from backend.latency.model import LatencyModel
from backend.latency.new_learner import new_learner, table_learner
from backend.latency.table import LatencyTable
from backend.models.zoo import has_trained_weights, trained_model
from backend.search.space import Space, build_space
from backend.search.tables import damage_table
from backend.sparsity.patterns import PatternSet, natural_patterns
from codegen.ir.graph import Graph

DATA = "sample"
PROGRAM_S = 1.05
"""CPU seconds that a program of a latency table takes to be drawn, compiled and timed, where the
table does not say: 261 s for the first 249 programs of ResNet-20."""


@dataclass(frozen=True, eq=False)
class NetFacts:
    """A base model with trained weights, and what can be known of it without running it.

    Attributes:
        net: of the zoo.
        plan: menu and numbers of images.
        table: latency table of the device; None: latencies are guessed, for tests.
    """

    net: str
    plan: Plan
    table: LatencyTable | None = None

    @cached_property
    def data(self) -> ImageData:
        """The sample."""
        return open_data(DATA)

    @cached_property
    def split(self) -> Split:
        """Validation images are the sample's own, which no shipped net has seen."""
        return split_validation(self.data)

    def check(self) -> None:
        """Refuse a net without weights.

        Raises:
            BenchError: it has none that were trained on the sample.
        """
        if not has_trained_weights(self.net, DATA):
            msg = f"there are no weights of {self.net} trained on the {DATA}"
            raise BenchError(msg)

    @cached_property
    def graph(self) -> Graph:
        """The dense net."""
        return trained_model(self.net, DATA)

    @cached_property
    def pattern_sets(self) -> Mapping[str, PatternSet]:
        """The set that the menu names."""
        name = self._space_config.patterns
        return {name: natural_patterns(self.graph, int(name.rpartition("-")[2]), name)}

    @cached_property
    def space(self) -> Space:
        """Menus of all layers."""
        sets = self.pattern_sets
        return build_space(self.graph, self._space_config, sets[self._space_config.patterns])

    @cached_property
    def latency(self) -> LatencyModel:
        """Predicts milliseconds; the same for every sampler and for the evaluator."""
        labels = self.space.labels
        if self.table is None:
            return new_learner(self.graph, labels).model()
        return table_learner(self.graph, labels, self.table).model()

    @cached_property
    def timed_damage(self) -> tuple[Mapping[str, Mapping[str, float]], float]:
        """Damage by removed energy, and the CPU seconds that took."""
        begun = time.process_time()
        table = damage_table(self.graph, self.space, self.pattern_sets)
        return table, time.process_time() - begun

    @property
    def latency_seconds(self) -> float:
        """CPU seconds that the latency table took."""
        if self.table is None:
            return 0.0
        told = self.table.notes.get("cpu_s")
        return float(told) if told else PROGRAM_S * len(self.table.runs)

    @property
    def _space_config(self) -> SpaceConfig:
        return SpaceConfig.model_validate(dict(self.plan.space))
