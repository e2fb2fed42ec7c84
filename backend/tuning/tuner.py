"""Tunes the schedules of a net's layers by measuring them inside the whole net.

PatDNN (ASPLOS 2020, section 5.5) tunes each layer by itself with a genetic search over tile sizes,
unrolling, loop order and format. Two deviations: the knobs are the schedules that the compiler's
strategies offer, sampled by Optuna with the cost model as prior; and one program measures the next
schedule of every layer at once, in turns with the default program, so that each layer is timed
with the caches as its neighbours leave them, and a round costs one build.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.tuning.layer_study import LayerStudy
from backend.tuning.tuning_file import TuningFile
from codegen.errors import PunchcardError
from codegen.lowering.tuning_space import TunableLayer
from codegen.schedules.schedule import Schedule

# A win has to be larger than what repeats of the same program differ by.
_WIN = 0.97
_CONFIRMED = 0.985
_SURE_SHARE = 0.75
# The share of the budget that searching may take; the rest confirms.
_SEARCH_SHARE = 0.7
# Layers below this share of the net's time are left as they are.
_LEAST_SHARE = 0.004
_SEARCH_TURNS, _CONFIRM_TURNS = 3, 9
# Measurements of all wins together; each drops what did not hold in it.
_CONFIRMATIONS = 3

Schedules = Mapping[str, Schedule]


@dataclass(frozen=True)
class TurnTimes:
    """One turn: the default program and the other one, one after the other.

    Attributes:
        default_ms: of each layer by name; `total` is the whole run.
        other_ms: the same of the other program.
    """

    default_ms: Mapping[str, float]
    other_ms: Mapping[str, float]


TOTAL = ""
"""Key of the whole run in `TurnTimes`: no layer has an empty name."""


class Measure(Protocol):
    """Builds a program and times it beside the default one."""

    def __call__(self, schedules: Schedules, turns: int) -> list[TurnTimes]:
        """Time a program with these schedules in turns with the default program.

        Raises:
            PunchcardError: it cannot be built, or computes something else.
        """


@dataclass(frozen=True)
class TuningResult:
    """What tuning found.

    Attributes:
        schedules: by layer name; only real wins.
        gain: the default's whole time over the tuned one's, from the last confirmation.
        rounds: programs that were built and measured.
        measured: schedules that were measured, over all layers.
        seconds: it took.
    """

    schedules: dict[str, Schedule]
    gain: float
    rounds: int
    measured: int
    seconds: float


def tune(
    layers: Sequence[TunableLayer],
    target: str,
    measure: Measure,
    *,
    seconds: float,
    file: TuningFile,
    on_progress: Callable[[float, str], None] | None = None,
    check: Callable[[], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    seed: int = 0,
) -> TuningResult:
    """Search within a budget, confirm, and keep real wins in the file.

    What was measured is written after every round: a run that is cancelled or killed goes on where
    it was when it is started again.

    Args:
        layers: with their choices; see `tuning_space`.
        target: full name of the target, the first key of the file.
        measure: builds and times.
        seconds: budget; one round more than fits is never begun, but one is always made.
        file: where results are kept.
        on_progress: told the share of the budget that is used, and what is being done.
        check: called between rounds; raises to cancel.
        clock: seconds.
        seed: of the sampler.
    """
    run = _Run(layers, target, measure, seconds, file, on_progress, check, clock, seed)
    run.search()
    return run.confirm()


class _Run:
    def __init__(
        self,
        layers: Sequence[TunableLayer],
        target: str,
        measure: Measure,
        seconds: float,
        file: TuningFile,
        on_progress: Callable[[float, str], None] | None,
        check: Callable[[], None] | None,
        clock: Callable[[], float],
        seed: int,
    ) -> None:
        self._measure, self._seconds, self._file = measure, seconds, file
        self._say = on_progress or (lambda _share, _text: None)
        self._check = check or (lambda: None)
        self._clock, self._begin = clock, clock()
        self._target = target
        self._names: dict[str, list[str]] = {}
        self._studies: dict[str, LayerStudy] = {}
        self._formats: dict[str, str] = {}
        for layer in layers:
            self._names.setdefault(layer.signature, []).append(layer.name)
            if layer.signature not in self._studies:
                entry = file.entry(target, layer.signature)
                self._studies[layer.signature] = LayerStudy(layer.choices, entry, seed)
                self._formats[layer.signature] = layer.default.format
        self._rounds = self._measured = 0
        self._round_seconds = 0.0

    def search(self) -> None:
        """Measure round by round until the budget's share is used or nothing is left."""
        active = set(self._studies)
        while active := {key for key in active if not self._studies[key].is_exhausted}:
            used = self._clock() - self._begin
            if self._rounds and used + self._round_seconds > _SEARCH_SHARE * self._seconds:
                return
            self._check()
            asked = {key: self._studies[key].ask() for key in sorted(active)}
            text = f"round {self._rounds + 1}: {len(asked)} kinds of layers"
            self._say(min(1.0, used / max(self._seconds, 1e-9)), text)
            turns = self._timed(self._spread(asked), _SEARCH_TURNS)
            for key, schedule in asked.items():
                self._studies[key].tell(schedule, self._ratio(key, turns))
            self._measured += len(asked)
            self._file.save()
            if self._rounds == 1:
                active = {key for key in active if self._share(key, turns) >= _LEAST_SHARE}

    def confirm(self) -> TuningResult:
        """Measure all wins together, drop what does not hold, and write what does."""
        wins = {}
        for key, study in self._studies.items():
            best = study.best()
            if best is not None and best[1] < _WIN:
                wins[key] = best[0]
        gain, confirmed = 1.0, dict[str, Schedule]()
        for attempt in range(_CONFIRMATIONS):
            if not wins:
                break
            self._check()
            self._say(_SEARCH_SHARE, f"confirming {len(wins)} wins together")
            turns = self._timed(self._spread(wins), _CONFIRM_TURNS)
            kept = {key: s for key, s in wins.items() if self._is_sure(key, turns)}
            whole = [turn.default_ms[TOTAL] / turn.other_ms[TOTAL] for turn in turns]
            gain = statistics.median(whole) if turns else 1.0
            if kept != wins and attempt + 1 < _CONFIRMATIONS:
                wins = kept
            elif gain > 1.0:
                confirmed = kept
                break
            else:
                # Each holds by itself, but another layout made its neighbours pay.
                same = {key: s for key, s in wins.items() if s.format == self._formats[key]}
                wins = same if len(same) < len(wins) else {}
        for key in self._studies:
            entry = self._file.entry(self._target, key)
            chosen = entry.schedule = confirmed.get(key)
            entry.gain = 1.0 if chosen is None else 1.0 / entry.tried[chosen.to_json()]
        self._file.save()
        return TuningResult(
            self._spread(confirmed),
            gain if confirmed else 1.0,
            self._rounds,
            self._measured,
            self._clock() - self._begin,
        )

    def _timed(self, schedules: Schedules, turns: int) -> list[TurnTimes]:
        """Measure; a program that fails gives no turns."""
        start = self._clock()
        try:
            return self._measure(schedules, turns)
        except PunchcardError as error:
            self._say(0.0, f"left out: {error}")
            return []
        finally:
            self._rounds += 1
            self._round_seconds = max(self._round_seconds, self._clock() - start)

    def _spread(self, by_signature: Mapping[str, Schedule]) -> dict[str, Schedule]:
        return {name: s for key, s in by_signature.items() for name in self._names[key]}

    def _ratios(self, key: str, turns: Sequence[TurnTimes]) -> list[float]:
        names = self._names[key]
        found = []
        for turn in turns:
            before = sum(turn.default_ms.get(name, 0.0) for name in names)
            after = sum(turn.other_ms.get(name, 0.0) for name in names)
            if before > 0:
                found.append(after / before)
        return found

    def _ratio(self, key: str, turns: Sequence[TurnTimes]) -> float:
        return statistics.median(self._ratios(key, turns) or [float("inf")])

    def _share(self, key: str, turns: Sequence[TurnTimes]) -> float:
        if not turns:
            return 1.0
        own = sum(turns[0].default_ms.get(name, 0.0) for name in self._names[key])
        return own / max(turns[0].default_ms[TOTAL], 1e-9)

    def _is_sure(self, key: str, turns: Sequence[TurnTimes]) -> bool:
        """Whether a win holds in nearly every turn, not only in the middle of them."""
        ratios = self._ratios(key, turns)
        better = sum(ratio < 1.0 for ratio in ratios)
        return bool(ratios) and (
            statistics.median(ratios) < _CONFIRMED and better >= _SURE_SHARE * len(ratios)
        )
