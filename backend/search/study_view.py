"""A study as others read it: trials that were evaluated, without Optuna's own types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

_STATES = {TrialState.RUNNING: "running", TrialState.COMPLETE: "done", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Trial:
    """One trial; `record` holds what `backend.search.results.trial_record` wrote.

    Attributes:
        state: running, done or failed.
        params: label of each layer's choice.
    """

    number: int
    state: str
    params: Mapping[str, str]
    record: Mapping[str, Any]

    @property
    def label(self) -> str:
        """How many layers take each scheme at each rate, the most frequent first."""
        counts = Counter("/".join(label.split("/")[:2]) for label in self.params.values())
        return ", ".join(f"{count} x {label}" for label, count in counts.most_common())


@dataclass(frozen=True)
class StudyView:
    """The trials worth showing and the test scores that came after the end.

    Attributes:
        last_end: when a trial last ended, seconds since the epoch.
        latency: what predicted latencies began with: `source`, `programs`, `error`.
    """

    trials: tuple[Trial, ...] = ()
    test_scores: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    last_end: float | None = None
    latency: Mapping[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=4)
def _storage(url: str) -> RDBStorage:
    connect = {"connect_args": {"timeout": 30}} if url.startswith("sqlite") else {}
    return RDBStorage(url, engine_kwargs=connect)


def read_study(url: str, name: str) -> StudyView:
    """Read a study; one that no run has begun yet is empty.

    Trials that were interrupted and tried again, and proposals that repeated an earlier one, are
    bookkeeping and left out.
    """
    storage = _storage(url)
    try:
        study_id = storage.get_study_id_from_name(name)
    except KeyError:
        return StudyView()
    stored = storage.get_all_trials(study_id, deepcopy=False)
    notes = storage.get_study_user_attrs(study_id)
    scores = {
        int(key.removeprefix("test:")): value
        for key, value in notes.items()
        if key.startswith("test:")
    }
    return StudyView(
        tuple(_trial(trial) for trial in stored if _is_shown(trial)),
        scores,
        _last_end(stored),
        notes.get("latency", {}),
    )


def _is_shown(trial: FrozenTrial) -> bool:
    return (
        trial.state in _STATES
        and "candidate" in trial.user_attrs
        and not trial.user_attrs.get("interrupted")
    )


def _trial(trial: FrozenTrial) -> Trial:
    return Trial(
        trial.number,
        _STATES[trial.state],
        {name: str(label) for name, label in trial.params.items()},
        dict(trial.user_attrs),
    )


def _last_end(trials: list[FrozenTrial]) -> float | None:
    ends = (trial.datetime_complete for trial in trials if _is_shown(trial))
    return max((moment.timestamp() for moment in ends if moment is not None), default=None)
