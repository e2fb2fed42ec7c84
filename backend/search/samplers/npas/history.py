"""The finished trials of a study as the agent reads them, in the order in which they finished."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from backend.search.samplers.drawn import Menu
from backend.search.samplers.npas.reward import Result

Codes = npt.NDArray[np.int64]


class History:
    """What a study's trials say about one space; read again only where trials are new.

    Attributes:
        codes: choice numbers of the trials with a result, in the order in which they finished.
        results: what those came to.
        tried: choice numbers, as bytes, of every trial that ended and is not to be repeated.
    """

    def __init__(self, menu: Menu, directions: Sequence[StudyDirection]) -> None:
        self._menu = menu
        self._numbers = {
            name: {_key(choice): i for i, choice in enumerate(distribution.choices)}
            for name, distribution in menu.items()
        }
        self._only_words = all(type(key) is str for row in self._numbers.values() for key in row)
        self._signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions]
        self._read: list[tuple[datetime, int]] = []
        self.codes: list[Codes] = []
        self.results: list[Result] = []
        self.tried: set[bytes] = set()

    def is_of(self, menu: Menu, directions: Sequence[StudyDirection]) -> bool:
        """Whether it was made for this space and these objectives."""
        signs = [-1.0 if d == StudyDirection.MAXIMIZE else 1.0 for d in directions]
        return dict(self._menu) == dict(menu) and signs == self._signs

    def read(self, trials: Sequence[FrozenTrial]) -> bool:
        """Take in the trials that ended since.

        Returns:
            False, and nothing is taken, where what was read before is not the beginning of what
            ended: another study, or a trial that another machine's clock puts before ours.
        """
        ended = {
            (trial.datetime_complete, trial.number): trial
            for trial in trials
            if trial.datetime_complete is not None and trial.state.is_finished()
        }
        order = sorted(ended)
        if order[: len(self._read)] != self._read:
            return False
        for key in order[len(self._read) :]:
            self._take(ended[key])
        self._read = order
        return True

    def running(self, trials: Sequence[FrozenTrial]) -> set[bytes]:
        """Choice numbers of the trials that are being evaluated."""
        found = (self._codes(trial) for trial in trials if not trial.state.is_finished())
        return {codes.tobytes() for codes in found if codes is not None}

    def _take(self, trial: FrozenTrial) -> None:
        codes = self._codes(trial)
        if codes is None or trial.user_attrs.get("interrupted"):
            return
        self.tried.add(codes.tobytes())
        if trial.state != TrialState.COMPLETE:
            return
        objectives = tuple(s * v for s, v in zip(self._signs, trial.values, strict=True))
        constraints = trial.constraints
        if all(map(math.isfinite, (*objectives, *constraints.values()))):
            self.codes.append(codes)
            self.results.append(Result(objectives, constraints))

    def _codes(self, trial: FrozenTrial) -> Codes | None:
        """Choice numbers in the order of the menu; None where one is not of it."""
        params = trial.params
        try:
            if self._only_words:  # half of the time that 10,000 trials take to read
                numbers = [known[params[name]] for name, known in self._numbers.items()]
            else:
                numbers = [known[_key(params[name])] for name, known in self._numbers.items()]
        except KeyError:
            return None
        return np.array(numbers, dtype=np.int64)


def _key(choice: object) -> object:
    """True is not 1, and nan is itself."""
    if choice.__class__ is str:
        return choice
    return (type(choice).__name__, repr(choice) if choice != choice else choice)
