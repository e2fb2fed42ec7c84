"""All runs of one net at one fidelity, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from backend.bench.search.bench_run import BenchRun
from backend.bench.search.hypervolume import Reference
from backend.bench.search.plan import Part
from backend.bench.search.planned_cells import best_of_plan, curves_of
from backend.bench.search.run_curve import SamplerCurves
from backend.bench.search.search_task import Evaluation
from backend.bench.search.verdict import Verdict, judge


@dataclass(frozen=True, eq=False)
class Section:
    """One task's results.

    Attributes:
        reference: corner of the hypervolume, fixed in the code.
        marks: evaluations at which samplers are compared, as far as runs go.
        dense: the dense net by the same evaluator.
        curves: by sampler.
        verdict: None without runs of ours.
        tables_s: CPU seconds of each table that was built beforehand.
        absent: samplers of the plan for this task that have no run.
        unfinished: runs that are not as long as the plan says.
    """

    net: str
    fidelity: str
    reference: Reference
    marks: Sequence[int]
    dense: Evaluation
    curves: Sequence[SamplerCurves]
    verdict: Verdict | None
    tables_s: Mapping[str, float]
    absent: Sequence[str] = ()
    unfinished: int = 0

    @property
    def name(self) -> str:
        """For headings and files."""
        return f"{self.net}, {self.fidelity}"


def sections(run: BenchRun, *, floor: float | None = None) -> list[Section]:
    """Tasks of the plan that have results, in its order.

    Args:
        run: the bench.
        floor: accuracy of another reference point than the plan's.
    """
    seeds: dict[tuple[str, str], list[int]] = {}
    counts: dict[tuple[str, str], int] = {}
    for part in run.plan.parts:
        key = (part.net, part.fidelity)
        seeds.setdefault(key, []).extend(part.seeds)
        counts[key] = max(counts.get(key, 0), *part.counts.values())
    found = []
    for net, fidelity in seeds:
        if not run.can_open(net, fidelity):
            continue
        wanted = list(dict.fromkeys(seeds[net, fidelity]))
        curves = curves_of(run, net, fidelity, wanted, floor)
        if not curves:
            continue
        parts = [part for part in run.plan.parts if (part.net, part.fidelity) == (net, fidelity)]
        wanted_names = set(run.plan.samplers)
        if all(part.best is not None for part in parts):
            most = max(part.best or 0 for part in parts)
            wanted_names = set(best_of_plan(run)[:most])
        names = {one.sampler for one in curves}
        marks = [mark for mark in run.plan.marks if mark <= counts[net, fidelity]]
        task = run.task(net, fidelity)
        found.append(
            Section(
                net,
                fidelity,
                run.reference(net, fidelity, floor),
                marks,
                task.dense,
                curves,
                judge(curves, marks),
                _tables(curves),
                [name for name in run.plan.samplers if name in wanted_names - names],
                sum(_is_cut(one, parts) for one in curves),
            )
        )
    return found


def _is_cut(curves: SamplerCurves, parts: Sequence[Part]) -> int:
    """Runs of a sampler that are begun and not as long as a part asks."""
    return sum(
        len(curves.runs[seed].steps) < part.count(curves.sampler)
        for part in parts
        for seed in part.seeds
        if seed in curves.runs
    )


def _tables(curves: Sequence[SamplerCurves]) -> dict[str, float]:
    """CPU seconds of tables, as runs were charged for them."""
    charged: dict[str, list[float]] = {}
    for one in curves:
        for run in one.runs.values():
            for name in run.spent.keys() - _OTHER:
                charged.setdefault(name, []).append(run.spent[name])
    return {name: median(charged[name]) for name in sorted(charged)}


_OTHER = {"ask", "evaluate", "layers"}
