"""A study as others read it: trials that were evaluated, without Optuna's own types.

A finished trial never changes, so each is read and converted once a process: looking at a search
again costs what is new in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from backend.search.study import open_storage

KEPT = 4
"""Studies that stay read."""

_RUNG = re.compile(r"rung(\d+)")

_STATES = {TrialState.RUNNING: "running", TrialState.COMPLETE: "done", TrialState.FAIL: "failed"}


@dataclass(frozen=True)
class Trial:
    """One trial; `record` holds what `backend.search.results.trial_record` wrote.

    Attributes:
        state: running, done or failed.
        params: label of each layer's choice.
        record: of its dearest evaluation.
        rungs: records of all its evaluations, the cheapest first; that of the first rung alone
            where it was not promoted.
        rung: index of the dearest.
    """

    number: int
    state: str
    params: Mapping[str, str]
    record: Mapping[str, Any]
    rungs: tuple[Mapping[str, Any], ...] = ()
    rung: int = 0

    @cached_property
    def label(self) -> str:
        """How many layers take each scheme at each rate, the most frequent first."""
        counts = Counter("/".join(label.split("/")[:2]) for label in self.params.values())
        return ", ".join(f"{count} x {label}" for label, count in counts.most_common())


@dataclass(frozen=True)
class StudyView:
    """The trials worth showing and the test scores that came after the end.

    Attributes:
        last_end: when a trial or a promotion last ended, seconds since the epoch.
        latency: what predicted latencies began with: `source`, `programs`, `error`.
    """

    trials: tuple[Trial, ...] = ()
    test_scores: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    last_end: float | None = None
    latency: Mapping[str, Any] = field(default_factory=dict)


_readers: dict[tuple[str, str], _Reader] = {}
_opening = Lock()


def read_study(url: str, name: str) -> StudyView:
    """Read a study; one that no run has begun yet is empty.

    Trials that were interrupted and tried again, and proposals that repeated an earlier one, are
    bookkeeping and left out.
    """
    with _opening:
        reader = _readers.pop((url, name), None)
        if reader is None:
            try:
                reader = _Reader(url, name)
            except KeyError:
                return StudyView()
        _readers[url, name] = reader  # the last one used stands last
        while len(_readers) > KEPT:
            del _readers[next(iter(_readers))]
    try:
        return reader.view()
    except KeyError:  # it was deleted since
        with _opening:
            _readers.pop((url, name), None)
        return StudyView()


class _Reader:
    """One study and those of its trials that cannot change any more."""

    def __init__(self, url: str, name: str) -> None:
        # Optuna's `Study` asks the database for unfinished and new trials alone.
        self._study = optuna.load_study(study_name=name, storage=open_storage(url))
        self._finished: dict[int, Trial | None] = {}
        self._last_end: float | None = None
        self._lock = Lock()

    def view(self) -> StudyView:
        with self._lock:
            shown = [self._shown(trial) for trial in self._study.get_trials(deepcopy=False)]
            notes = self._study.user_attrs
            scores: dict[int, Any] = {}
            promoted: dict[int, dict[int, Any]] = {}
            last_end = self._last_end
            for key, value in notes.items():
                kind, _, number = key.partition(":")
                if kind == "test":
                    scores[int(number)] = value
                elif rung := _RUNG.fullmatch(kind):
                    promoted.setdefault(int(number), {})[int(rung[1])] = value
                    last_end = max(last_end or 0.0, value.get("ended_at", 0.0))
            return StudyView(
                tuple(
                    _promoted(trial, promoted[trial.number]) if trial.number in promoted else trial
                    for trial in shown
                    if trial is not None
                ),
                scores,
                last_end,
                notes.get("latency", {}),
            )

    def _shown(self, trial: FrozenTrial) -> Trial | None:
        if trial.number in self._finished:
            return self._finished[trial.number]
        found = _trial(trial) if _is_shown(trial) else None
        if trial.state.is_finished():
            self._finished[trial.number] = found
            if found is not None and trial.datetime_complete is not None:
                self._last_end = max(self._last_end or 0.0, trial.datetime_complete.timestamp())
        return found


def _is_shown(trial: FrozenTrial) -> bool:
    return (
        trial.state in _STATES
        and "candidate" in trial.user_attrs
        and not trial.user_attrs.get("interrupted")
    )


def _trial(trial: FrozenTrial) -> Trial:
    first = dict(trial.user_attrs)
    return Trial(
        trial.number,
        _STATES[trial.state],
        {name: str(label) for name, label in trial.params.items()},
        first,
        (first,),
    )


def _promoted(trial: Trial, records: Mapping[int, Mapping[str, Any]]) -> Trial:
    """A trial with its records by rung; one that failed at a rung tells why and stays below."""
    good = {rung: dict(record) for rung, record in sorted(records.items()) if "error" not in record}
    rung = max(good, default=0)
    record = {**trial.record, **good.get(rung, {})}
    errors = [found["error"] for found in records.values() if "error" in found]
    if errors:
        record["error"] = errors[-1]
    return replace(trial, record=record, rungs=(*trial.rungs, *good.values()), rung=rung)
