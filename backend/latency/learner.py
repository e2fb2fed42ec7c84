"""Learns a latency model from a table and from every end-to-end measurement of a search."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from backend.latency.guess import guess_ms
from backend.latency.layer_fit import LayerFit
from backend.latency.layer_menus import LayerMenus
from backend.latency.layer_sample import LayerSample, samples_of
from backend.latency.layer_times import LayerTimes
from backend.latency.measured import Measured, MeasuredNet, Whole
from backend.latency.measured_run import MeasuredRun
from backend.latency.model import LatencyModel
from backend.latency.prediction_error import PredictionError
from backend.latency.signature import net_digest
from backend.latency.step_owners import StepOwners
from backend.latency.table import LatencyTable
from backend.latency.whole_fit import fit_whole

DENSE = "dense"
CHUNK = 16
LAYERS_OF_TRIALS = 16 * CHUNK
"""Trials whose layers are learnt from; end-to-end times of later ones still count."""


class LatencyLearner:
    """What was measured so far, and the model that follows from it; taught ones are new ones.

    Args:
        menus: layers and choices that the model covers.
        owners: which searched layer a program's step belongs to.

    Attributes:
        source: where it began, for people.
        error: of the table's predictions.
        dense_ms: of this net in the table, whose clock all times are in until `began`.
    """

    def __init__(self, menus: LayerMenus, owners: StepOwners, *, source: str = "") -> None:
        self.source = source
        self.error: PredictionError | None = None
        self.dense_ms: float | None = None
        self._menus = menus
        self._owners = owners
        dense = [guess_ms(menus.signatures[layer], DENSE) for layer in menus.layers]
        self._layers = LayerTimes(menus, LayerFit(sum(dense) / max(len(dense), 1)))
        self._wholes: tuple[Whole, ...] = ()
        self._scale = 1.0
        self._last: tuple[tuple[Whole, ...], LatencyModel] | None = None
        self._chunks: tuple[tuple[Whole, ...], LatencyLearner] = ((), self)

    @property
    def programs(self) -> int:
        """Whole programs that were learnt from."""
        return len(self._wholes)

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether a candidate's choices are all on the menus."""
        return self._menus.knows(labels)

    def taught(self, samples: Iterable[LayerSample], wholes: Iterable[Whole]) -> LatencyLearner:
        """A learner that knows these as well."""
        learner = copy.copy(self)
        learner._layers = self._layers.extended(samples)
        learner._wholes = (*self._wholes, *wholes)
        learner._last = None
        learner._chunks = ((), learner)
        return learner

    def taught_runs(self, table: LatencyTable, runs: Iterable[MeasuredRun]) -> LatencyLearner:
        """A learner that knows runs of a table; those of other nets teach about layers alone."""
        known = list(runs)
        own = net_digest(self._menus.signatures)
        samples = [
            sample
            for run in known
            for sample in samples_of(table.nets[run.net].signatures, run.labels, run.layer_ms)
        ]
        wholes = [Whole(run.labels, run.latency_ms) for run in known if run.net == own]
        return self.taught(samples, wholes)

    def began(self, latency_ms: float, step_ms: Mapping[str, float]) -> LatencyLearner:
        """A learner for a search whose dense net was measured.

        Its clock is that net's from now on: where the table's dense net took another time, all
        of the table is taken to be as much faster or slower.
        """
        learner = copy.copy(self)
        learner._scale = latency_ms / self.dense_ms if self.dense_ms else 1.0
        labels = dict.fromkeys(self._menus.layers, DENSE)
        return learner._taught_trials([MeasuredNet(labels, latency_ms, step_ms)])

    def after(self, seen: Sequence[Measured]) -> LatencyModel:
        """The model that knows these trials as well; the last answer is kept.

        Trials are learnt in chunks from the first one on, and what full chunks taught is kept: a
        search that goes on learns only what is new, and yet the same as one that was restarted.
        """
        wholes = tuple(Whole(trial.labels, trial.latency_ms) for trial in seen)
        if self._last is not None and self._last[0] == wholes:
            return self._last[1]
        known, learner = self._chunks
        if wholes[: len(known)] != known:
            known, learner = (), self
        full = len(wholes) // CHUNK * CHUNK
        for begin in range(len(known), full, CHUNK):
            is_early = begin < LAYERS_OF_TRIALS
            learner = learner._taught_trials(seen[begin : begin + CHUNK], with_layers=is_early)
        self._chunks = (wholes[:full], learner)
        learner = learner._taught_trials(seen[full:], with_layers=full < LAYERS_OF_TRIALS)
        model = replace(learner.model(), learner=self)
        self._last = (wholes, model)
        return model

    def model(self) -> LatencyModel:
        """The model by everything learnt so far."""
        plain = self._layers.chain
        known = [whole for whole in self._wholes if self._menus.knows(whole.labels)]
        rows = self._menus.rows([whole.labels for whole in known])
        times = np.array([whole.latency_ms for whole in known])
        law = fit_whole(plain.by_word(rows), times)
        return LatencyModel(
            plain.scaled(law.factors * self._scale),
            law.constant_ms * self._scale,
            error=self.error,
            source=self.source,
            learnt=self.programs,
            learner=self,
        )

    def _taught_trials(
        self, seen: Sequence[Measured], *, with_layers: bool = True
    ) -> LatencyLearner:
        samples: list[LayerSample] = []
        for trial in seen if with_layers else ():
            times = self._owners.layer_ms(trial.layer_ms)
            own = {layer: ms / self._scale for layer, ms in times.items()}
            samples += samples_of(self._menus.signatures, trial.labels, own)
        return self.taught(
            samples, [Whole(trial.labels, trial.latency_ms / self._scale) for trial in seen]
        )
