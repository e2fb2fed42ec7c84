"""The goals of the bench, computed: what one sampler reaches beside all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.bench.search.run_curve import Quartiles, SamplerCurves

OURS = "punchcard"
EARLY = 50
"""Evaluations after which ours is to have what others have at their end."""
TEST_SEEDS = 10
"""Seeds from which on a test of significance is made."""
TOLERANCE = 1e-9
_INSTANTS = 40


@dataclass(frozen=True)
class Comparison:
    """Ours beside another sampler at one point.

    Attributes:
        at: evaluations, or CPU seconds.
        other: its name.
        ours: median.
        theirs: median.
        seeds: of ours and of the other.
        p: of Mann and Whitney's test, two-sided; None with too few seeds.
    """

    at: float
    other: str
    ours: float
    theirs: float
    seeds: tuple[int, int]
    p: float | None = None

    @property
    def is_behind(self) -> bool:
        """Whether the median of ours is the smaller one."""
        return self.ours < self.theirs - TOLERANCE


@dataclass(frozen=True)
class Verdict:
    """What the bench says of our sampler on one task.

    Attributes:
        reached: ours after EARLY evaluations beside the best of the others at their end; None
            where runs are missing.
        by_count: at every mark, beside every other sampler.
        by_seconds: at instants that both sampler's runs cover.
        seconds_to_best: median CPU seconds until ours had what the best other ended with, and the
            seconds that one took; None where ours never had it in half of its runs.
    """

    reached: Comparison | None
    by_count: tuple[Comparison, ...]
    by_seconds: tuple[Comparison, ...]
    seconds_to_best: tuple[float, float] | None

    @property
    def is_reached(self) -> bool | None:
        """Whether ours has early what the others have late; None: not known."""
        return None if self.reached is None else not self.reached.is_behind

    @property
    def behind_by_count(self) -> tuple[Comparison, ...]:
        """Where ours is behind somebody after equal evaluations."""
        return tuple(one for one in self.by_count if one.is_behind)

    @property
    def behind_by_seconds(self) -> tuple[Comparison, ...]:
        """Where ours is behind somebody after equal CPU seconds."""
        return tuple(one for one in self.by_seconds if one.is_behind)


def judge(curves: Sequence[SamplerCurves], marks: Sequence[int]) -> Verdict | None:
    """Compare ours with all others; None without runs of ours."""
    ours = next((one for one in curves if one.sampler == OURS), None)
    others = [one for one in curves if one.sampler != OURS and one.runs]
    if ours is None or not ours.runs:
        return None
    by_count = []
    for mark in marks:
        for other in others:
            found = _compare(mark, other.sampler, ours.after(mark), other.after(mark))
            by_count += [] if found is None else [found]
    by_seconds = [found for other in others for found in _by_seconds(ours, other)]
    best = _best_at_end(others, marks)
    reached = seconds = None
    if best is not None:
        other, mark = best
        reached = _compare(EARLY, other.sampler, ours.after(EARLY), other.after(mark))
        seconds = _seconds_to(ours, other, mark)
    return Verdict(reached, tuple(by_count), tuple(by_seconds), seconds)


def best_samplers(curves: Sequence[SamplerCurves], at: int, seeds: Sequence[int]) -> list[str]:
    """Samplers by the median hypervolume after so many evaluations, best first.

    Those that lack one of the seeds are left out.
    """
    found: list[tuple[float, int, str]] = []
    for one in curves:
        volumes = [one.runs[s].after(at) for s in seeds if s in one.runs]
        known = [volume for volume in volumes if volume is not None]
        if len(known) == len(seeds):
            found.append((-float(np.median(known)), len(found), one.sampler))
    return [name for _, _, name in sorted(found)]


def _best_at_end(
    others: Sequence[SamplerCurves], marks: Sequence[int]
) -> tuple[SamplerCurves, int] | None:
    """The other sampler with the largest median at the last mark its runs have."""
    ends = []
    for other in others:
        last = max((mark for mark in marks if other.after(mark)), default=None)
        if last is not None:
            ends.append((float(np.median(other.after(last))), other, last))
    if not ends:
        return None
    _, other, last = max(ends, key=lambda end: end[0])
    return other, last


def _compare(
    at: float, other: str, ours: Sequence[float], theirs: Sequence[float]
) -> Comparison | None:
    mine, hers = Quartiles.of(ours), Quartiles.of(theirs)
    if mine is None or hers is None:
        return None
    p = None
    if min(mine.count, hers.count) >= TEST_SEEDS:
        from scipy.stats import mannwhitneyu  # type: ignore[attr-defined]  # filled at run time

        p = float(mannwhitneyu(ours, theirs).pvalue)
    return Comparison(at, other, mine.median, hers.median, (mine.count, hers.count), p)


def _by_seconds(ours: SamplerCurves, other: SamplerCurves) -> list[Comparison]:
    """At instants between the first evaluation of either and the end of the shorter."""
    runs = [*ours.runs.values(), *other.runs.values()]
    first = min((run.cpu_s[0] for run in runs if run.steps), default=0.0)
    ends = [
        float(np.median([run.cpu_s[-1] for run in one.runs.values() if run.steps] or [0.0]))
        for one in (ours, other)
    ]
    if first <= 0.0 or min(ends) <= first:
        return []
    instants = np.geomspace(first, min(ends), _INSTANTS)
    found = (
        _compare(float(at), other.sampler, ours.by_second(at), other.by_second(at))
        for at in instants
    )
    return [one for one in found if one is not None]


def _seconds_to(ours: SamplerCurves, other: SamplerCurves, mark: int) -> tuple[float, float] | None:
    """Median seconds until ours had the other's median at a mark, and the other's seconds."""
    aim = float(np.median(other.after(mark)))
    reached = [run.seconds_to(aim) for run in ours.runs.values()]
    known = [seconds for seconds in reached if seconds is not None]
    if 2 * len(known) < len(reached) or not known:
        return None
    return float(np.median(known)), float(np.median(other.seconds_after(mark)))
