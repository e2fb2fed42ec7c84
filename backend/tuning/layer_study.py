"""One Optuna study for each distinct layer: which schedule to measure next."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from backend.tuning.tuning_file import Entry
from codegen.schedules.schedule import Schedule

# What the model thinks cheapest is measured first; the sampler begins behind it.
_PRIOR_TRIALS = 6
# The model is right within this factor: what it thinks slower is not measured.
_HOPELESS = 4.0


class LayerStudy:
    """Proposes schedules of one layer signature and learns from their times.

    The cost model is the prior: its cheapest schedules come first, one of each format before a
    second of any. Then a tree-structured Parzen estimator samples field by field; its proposal
    is taken to the nearest schedule that fits and was not measured. Times are ratios to the
    default schedule's in the same run.
    """

    def __init__(
        self, choices: Sequence[tuple[Schedule, float]], entry: Entry, seed: int = 0
    ) -> None:
        """Take the schedules, cheapest by the model first, and what is known of them already."""
        self._left = {s: cost for s, cost in choices if cost <= _HOPELESS}
        self._fields = _fields([schedule for schedule, _ in choices])
        self._entry = entry
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=4)
        self._study = optuna.create_study(direction="minimize", sampler=sampler)
        self._asked: optuna.trial.Trial | None = None
        self._prior = _first_of_each_format(list(self._left))[:_PRIOR_TRIALS]
        for text, ratio in entry.tried.items():
            schedule = _parsed(text)
            if schedule in self._left:
                del self._left[schedule]
                self._learn(schedule, ratio)

    @property
    def is_exhausted(self) -> bool:
        """Whether everything worth it was measured."""
        return not self._left

    def ask(self) -> Schedule:
        """The next schedule to measure."""
        first = next((schedule for schedule in self._prior if schedule in self._left), None)
        if first is not None:
            return first
        self._asked = self._study.ask()
        wanted = {
            name: self._asked.suggest_categorical(name, values)
            for name, values in self._fields.items()
        }
        return min(self._left, key=lambda s: (_distance(s, wanted), self._left[s], s.to_json()))

    def tell(self, schedule: Schedule, ratio: float) -> None:
        """Take the time of a schedule over the default's; infinite where it failed."""
        self._left.pop(schedule, None)
        self._entry.tried[schedule.to_json()] = min(ratio, 99.0)
        if self._asked is not None:
            # What was measured is a neighbour of what was asked for: the study learns the former.
            self._study.tell(self._asked, state=optuna.trial.TrialState.FAIL)
            self._asked = None
        self._learn(schedule, min(ratio, 99.0))

    def best(self) -> tuple[Schedule, float] | None:
        """The fastest schedule so far and its ratio, or None where nothing was measured."""
        known = [(_parsed(text), ratio) for text, ratio in self._entry.tried.items()]
        found = [(schedule, ratio) for schedule, ratio in known if schedule is not None]
        return min(found, key=lambda item: item[1], default=None)

    def _learn(self, schedule: Schedule, ratio: float) -> None:
        values = _values(schedule)
        if any(values[name] not in options for name, options in self._fields.items()):
            return
        self._study.add_trial(
            optuna.trial.create_trial(
                params={name: values[name] for name in self._fields},
                distributions={
                    name: optuna.distributions.CategoricalDistribution(options)
                    for name, options in self._fields.items()
                },
                value=ratio,
            )
        )


def _values(schedule: Schedule) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(schedule.to_json())
    return found


def _parsed(text: str) -> Schedule | None:
    try:
        return Schedule.from_json(text)
    except (ValueError, TypeError):
        return None


def _fields(schedules: Sequence[Schedule]) -> dict[str, tuple[Any, ...]]:
    """Fields that differ, each with its values in the order of the schedules."""
    every = [_values(schedule) for schedule in schedules]
    names = every[0] if every else {}
    found = {name: tuple(dict.fromkeys(values[name] for values in every)) for name in names}
    return {name: values for name, values in found.items() if len(values) > 1}


def _distance(schedule: Schedule, wanted: Mapping[str, Any]) -> int:
    values = _values(schedule)
    return sum(values[name] != value for name, value in wanted.items())


def _first_of_each_format(schedules: Sequence[Schedule]) -> list[Schedule]:
    firsts = {schedule.format: schedule for schedule in reversed(schedules)}
    leading = [schedule for schedule in schedules if firsts[schedule.format] == schedule]
    return [*leading, *(schedule for schedule in schedules if schedule not in leading)]
