"""The Optuna study of a search: what to evaluate next, and the results, safe across restarts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from backend.search.samplers.reseeded import draw_seed
from backend.search.space import Space
from backend.sparsity.candidate import Candidate

MAX_RETRIES = 2
DUPLICATES_IN_A_ROW = 8  # then a random new candidate stands in for the sampler
SMALL_SPACE = 4096
RANDOM_TRIES = 10_000
KEPT = ("asked", "warm_start", "origin")
"""Attributes that go with a candidate when it is queued again."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class Proposal:
    """A candidate to evaluate and the running trial that will hold its result."""

    trial: Trial
    candidate: Candidate

    @property
    def number(self) -> int:
        """The trial's number in the study."""
        return self.trial.number


def open_storage(url: str) -> RDBStorage:
    """Optuna's storage in our database; writers wait for each other up to 30 s on SQLite."""
    engine_kwargs: dict[str, Any] = {}
    if url.startswith("sqlite"):
        engine_kwargs["connect_args"] = {"timeout": 30}
    return RDBStorage(url, engine_kwargs=engine_kwargs)


class SearchStudy:
    """Candidates out, results in; used by one process, the runner of the search.

    Trial attributes it keeps: `draw` (how many candidates were drawn before), `retries`,
    `interrupted` (its process died; the candidate is queued again under a new number),
    `duplicate_of` (the sampler repeated itself; nothing was evaluated).
    """

    def __init__(
        self, storage: BaseStorage, name: str, space: Space, sampler: BaseSampler, seed: int
    ) -> None:
        self._space = space
        self._seed = seed
        self._storage = storage
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study = optuna.create_study(
                storage=storage,
                study_name=name,
                sampler=sampler,
                directions=["maximize", "minimize"],
                load_if_exists=True,
            )
            if not self._study.metric_names:
                self._study.set_metric_names(["accuracy", "latency_ms"])
        self._distributions: dict[str, BaseDistribution] = {
            layer: CategoricalDistribution(labels) for layer, labels in space.labels.items()
        }

    def use_sampler(self, sampler: BaseSampler) -> None:
        """Take another sampler from the next proposal on."""
        self._study.sampler = sampler

    def trials(self) -> list[FrozenTrial]:
        """All trials as stored."""
        return self._study.get_trials(deepcopy=False)

    def enqueue(self, labels: Mapping[str, str], attrs: Mapping[str, Any]) -> None:
        """Put a candidate in front of what the sampler would propose next."""
        self._study.enqueue_trial(dict(labels), user_attrs=dict(attrs))

    def recover(self, *, died: bool = True) -> int:
        """End trials that a process left running and queue their candidates again.

        A candidate whose process died with it three times fails for good.

        Args:
            died: whether the process died, so that the candidate may be to blame; False where it
                stopped because somebody paused the search.

        Returns:
            The number of candidates queued again.
        """
        queued = 0
        trials = self.trials()
        for trial in trials:
            if trial.state != TrialState.RUNNING:
                continue
            draw = trial.user_attrs.get("draw")
            retries = int(trial.user_attrs.get("retries", 0))
            if draw is None:  # it died before it had a candidate; the draw is repeated
                self._end_interrupted(trial, "the search was interrupted")
            elif died and retries >= MAX_RETRIES:
                self._fail(trial.number, f"the search died {retries + 1} times during this trial")
            else:
                # Queued first: a kill between the two lines must not lose the candidate.
                if not any(t.number > trial.number and _draw(t) == draw for t in trials):
                    kept = {key: trial.user_attrs[key] for key in KEPT if key in trial.user_attrs}
                    attrs = {**kept, "draw": draw, "retries": retries + int(died)}
                    self._study.enqueue_trial(dict(trial.params), user_attrs=attrs)
                    queued += 1
                reason = "interrupted" if died else "paused"
                self._end_interrupted(trial, f"the search was {reason}; tried again")
        return queued

    def propose(self) -> Proposal | None:
        """Ask for a candidate that this study has never had; None when there is no other."""
        for _ in range(DUPLICATES_IN_A_ROW):
            taken = self._taken()
            if len(taken) >= self._space.size:
                return None
            trial = self._ask()
            proposal = self._accept(trial, taken)
            if proposal is not None:
                return proposal
        params = self._unseen(self._taken())
        if params is None:
            return None
        self._study.enqueue_trial(params)
        trial = self._ask()
        return self._accept(trial, self._taken())

    def complete(
        self,
        proposal: Proposal,
        accuracy: float,
        latency_ms: float,
        attrs: Mapping[str, Any],
        constraints: Mapping[str, float],
    ) -> None:
        """Store a result: attributes first, the state that makes it count last."""
        for key, value in attrs.items():
            proposal.trial.set_user_attr(key, value)
        for key, value in constraints.items():
            proposal.trial.set_constraint(key, value)
        self._study.tell(proposal.trial, [accuracy, latency_ms])

    def fail(self, proposal: Proposal, error: str) -> None:
        """Store why a candidate has no result."""
        self._fail(proposal.number, error)

    def annotate(self, number: int, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Add an attribute to a finished trial's own record, kept as a study attribute.

        Optuna's finished trials are immutable; test accuracies come after the end.
        """
        self._study.set_user_attr(f"{key}:{number}", value)

    def note(self, key: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Keep something about the whole study under a key of its own."""
        self._study.set_user_attr(key, value)

    def is_noted(self, key: str) -> bool:
        """Whether `note` has been called with this key."""
        return key in self._study.user_attrs

    def annotations(self, key: str) -> dict[int, Any]:
        """What `annotate` stored under a key, by trial number."""
        prefix = f"{key}:"
        return {
            int(name.removeprefix(prefix)): value
            for name, value in self._study.user_attrs.items()
            if name.startswith(prefix)
        }

    def _ask(self) -> Trial:
        draw = max((_draw(trial) for trial in self.trials()), default=-1) + 1
        begin = getattr(self._study.sampler, "begin", None)
        if begin is not None:
            begin(draw)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            trial = self._study.ask(self._distributions)
        if "draw" not in trial.user_attrs:
            trial.set_user_attr("draw", draw)
        return trial

    def _accept(self, trial: Trial, taken: Mapping[str, int]) -> Proposal | None:
        candidate = self._space.candidate(trial.params)
        digest = candidate.digest
        if digest in taken:
            trial.set_user_attr("duplicate_of", taken[digest])
            self._study.tell(trial, state=TrialState.FAIL)
            return None
        trial.set_user_attr("candidate", digest)
        return Proposal(trial, candidate)

    def _taken(self) -> dict[str, int]:
        """Digest of each candidate tried to its trial number; the dense net counts as tried."""
        taken = {Candidate().digest: -1}
        for trial in self.trials():
            digest = trial.user_attrs.get("candidate")
            if digest is not None and not trial.user_attrs.get("interrupted"):
                taken[digest] = trial.number
        return taken

    def _unseen(self, taken: Mapping[str, int]) -> dict[str, str] | None:
        random = np.random.default_rng(draw_seed(self._seed, 1_000_000 + len(self.trials())))
        if self._space.size <= SMALL_SPACE:
            rows = list(self._space.candidates())
            order = random.permutation(len(rows))
            options = (rows[int(index)] for index in order)
        else:
            options = (self._space.draw(random) for _ in range(RANDOM_TRIES))
        for labels in options:
            if self._space.candidate(labels).digest not in taken:
                return labels
        return None

    def _end_interrupted(self, trial: FrozenTrial, reason: str) -> None:
        self._storage.set_trial_user_attr(trial._trial_id, "interrupted", True)
        self._fail(trial.number, reason)

    def _fail(self, number: int, error: str) -> None:
        trial = next(t for t in self.trials() if t.number == number)
        self._storage.set_trial_user_attr(trial._trial_id, "error", error)
        self._study.tell(number, state=TrialState.FAIL)


def _draw(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get("draw", -1))
