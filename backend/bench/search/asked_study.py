"""Ask and tell, one candidate at a time, in a study in memory that a journal can rebuild."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import Trial, create_trial

from backend.bench.search.encoding import Encoding
from backend.bench.search.search_task import Evaluation
from backend.search.samplers.reseeded import draw_seed
from backend.search.space import Space

REPEATS_IN_A_ROW = 16
"""A sampler that proposes what it has had so often gets a random new candidate instead."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class Asked:
    """A proposal.

    Attributes:
        trial: waits for its values.
        labels: choice of every layer.
        digest: of the candidate.
        seconds: CPU seconds that asking took.
        repeats: number of the trial that had the candidate first; None: it is new.
    """

    trial: Trial
    labels: Mapping[str, str]
    digest: str
    seconds: float
    repeats: int | None


class AskedStudy:
    """One sampler at work.

    As in a search, a sampler of ours is told how many candidates were drawn before each `ask`, so
    that its proposals follow from the seed and the trials alone. A candidate that the study has
    had already is told its values again and counts as no evaluation.

    Args:
        name: of the study.
        sampler: proposes.
        space: what there is to choose.
        encoding: how the sampler sees it.
        seed: of the random candidates.
    """

    def __init__(
        self, name: str, sampler: BaseSampler, space: Space, encoding: Encoding, seed: int
    ) -> None:
        self._space, self._encoding, self._seed = space, encoding, seed
        self._first: dict[str, int] = {}
        self._repeats = 0
        self._storage = InMemoryStorage()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=name,
                sampler=sampler,
                directions=["maximize", "minimize"],
            )
        self._id = self._storage.get_study_id_from_name(name)
        self._noted: dict[str, Any] = {}

    @property
    def evaluations(self) -> int:
        """Number of different candidates told."""
        return len(self._first)

    def ask(self) -> Asked:
        """The next proposal, with what it cost."""
        drawn = len(self._study.get_trials(deepcopy=False))
        begun = time.process_time()
        if self._repeats >= REPEATS_IN_A_ROW:
            self._study.enqueue_trial(self._encoding.params(self._unseen(drawn)))
        begin = getattr(self._study.sampler, "begin", None)
        if begin is not None:
            begin(drawn)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._study.ask(dict(self._encoding.distributions))
        seconds = time.process_time() - begun
        labels = self._encoding.labels(trial.params)
        digest = self._space.candidate(labels).digest
        return Asked(trial, labels, digest, seconds, self._first.get(digest))

    def tell(self, asked: Asked, found: Evaluation) -> dict[str, Any]:
        """Store a result.

        Returns:
            What `replay` needs to put the trial into another study.
        """
        asked.trial.set_user_attr("cross_entropy", found.cross_entropy)
        if asked.repeats is not None:
            asked.trial.set_user_attr("duplicate_of", asked.repeats)
        told = self._study.tell(asked.trial, [found.accuracy, found.latency_ms])
        self._count(asked.digest, asked.trial.number)
        return {
            "labels": dict(asked.labels),
            "repeats": asked.repeats,
            "accuracy": found.accuracy,
            "cross_entropy": found.cross_entropy,
            "latency_ms": found.latency_ms,
            "system": told.system_attrs,
            "noted": self._newly_noted(),
        }

    def replay(self, told: Mapping[str, Any]) -> None:
        """Put a trial of an earlier process into the study."""
        number = len(self._study.get_trials(deepcopy=False))
        attrs = {"cross_entropy": told["cross_entropy"]}
        if told["repeats"] is not None:
            attrs["duplicate_of"] = told["repeats"]
        self._study.add_trial(
            create_trial(
                values=[told["accuracy"], told["latency_ms"]],
                params=self._encoding.params(told["labels"]),
                distributions=dict(self._encoding.distributions),
                user_attrs=attrs,
                system_attrs=dict(told["system"]),
            )
        )
        for key, value in told["noted"].items():
            self._storage.set_study_system_attr(self._id, key, value)
        self._newly_noted()
        self._count(self._space.candidate(told["labels"]).digest, number)

    def _newly_noted(self) -> dict[str, Any]:
        """What a sampler has written into the study since it was last asked for.

        NSGA-II keeps its parents there, and takes them in another order where it has to choose
        them again.
        """
        now = dict(self._storage.get_study_system_attrs(self._id))
        new = {key: value for key, value in now.items() if self._noted.get(key) != value}
        self._noted = now
        return new

    def _count(self, digest: str, number: int) -> None:
        self._repeats = self._repeats + 1 if digest in self._first else 0
        self._first.setdefault(digest, number)

    def _unseen(self, drawn: int) -> Mapping[str, str]:
        random = np.random.default_rng(draw_seed(self._seed, 1_000_000 + drawn))
        while True:
            labels = self._space.draw(random)
            if self._space.candidate(labels).digest not in self._first:
                return labels
