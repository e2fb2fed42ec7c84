"""The bench as markdown for the docs and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from backend.bench.markdown import markdown_table
from backend.bench.search.pilot import PilotScore
from backend.bench.search.run_curve import Quartiles, RunCurve, SamplerCurves
from backend.bench.search.section import Section
from backend.bench.search.setting import SETTINGS, Setting
from backend.bench.search.verdict import EARLY, OURS, Comparison, Verdict
from backend.search.front import FrontPoint, pareto_front


def section_markdown(section: Section) -> str:
    """Hypervolumes by evaluations, CPU seconds, and what follows from them."""
    reference = section.reference
    parts = [
        f"### {section.name}",
        f"Dense: {section.dense.accuracy:.1%}, cross-entropy {section.dense.cross_entropy:.3f}, "
        f"{reference.latency_ms:.3f} ms predicted. Hypervolume above {reference.floor:.1%} "
        f"accuracy and below {reference.latency_ms:.3f} ms, as a share of that box up to the dense "
        "accuracy: median [quartiles] (seeds).",
        _volume_table(section),
        *_missing(section),
        "CPU seconds that this took, everything included: median, and the parts of a whole run.",
        _seconds_table(section),
        *verdict_lines(section.verdict, section.marks),
    ]
    return "\n\n".join(parts)


def floor_markdown(section: Section) -> str:
    """The same runs, measured from another reference point."""
    return "\n\n".join(
        [
            f"The same runs with {section.reference.floor:.1%} as the least accuracy that counts:",
            _volume_table(section),
            *verdict_lines(section.verdict, section.marks)[:3],
        ]
    )


def verdict_lines(verdict: Verdict | None, marks: Sequence[int]) -> list[str]:
    """The goals, each met, missed or open, as the numbers say."""
    if verdict is None:
        return [f"No run of {OURS} yet."]
    lines = []
    reached = verdict.reached
    if reached is None:
        lines.append(f"**Open**: {OURS} after {EARLY} evaluations beside the others at their end.")
    else:
        word = "Met" if verdict.is_reached else "Missed"
        lines.append(
            f"**{word}**: {OURS} after {EARLY} evaluations has {reached.ours:.3f}, the best of the "
            f"others at its end ({reached.other}) {reached.theirs:.3f} "
            f"({reached.seeds[0]} and {reached.seeds[1]} seeds)."
        )
    lines.append(_never_behind(verdict.by_count, verdict.behind_by_count, "evaluations", marks))
    lines.append(_never_behind(verdict.by_seconds, verdict.behind_by_seconds, "CPU seconds", ()))
    if verdict.seconds_to_best is not None:
        ours, theirs = verdict.seconds_to_best
        lines.append(
            f"{OURS} has what the best of the others ends with after {ours:.0f} CPU seconds, that "
            f"one after {theirs:.0f}: {theirs / ours:.1f} times as long."
        )
    tested = [one for one in verdict.by_count if one.p is not None]
    if tested:
        words = ", ".join(f"{one.other} at {one.at:g}: p = {one.p:.2g}" for one in tested)
        lines.append(f"Mann-Whitney (two-sided) of {OURS} against {words}.")
    return lines


def pilot_markdown(scores: Mapping[Setting, PilotScore], chosen: Mapping[str, Setting]) -> str:
    """Both ways to use each sampler, and which one the bench takes."""
    rows = []
    for sampler, settings in SETTINGS.items():
        for setting in settings:
            score = scores.get(setting)
            if score is None:
                continue
            volumes = ", ".join(f"{volume:.3f}" for volume in score.volumes.values())
            rows.append(
                [
                    sampler,
                    setting.encoding if len({s.encoding for s in settings}) > 1 else
                    f"damage by {setting.damage}",
                    volumes,
                    f"{score.accuracy:.1%}",
                    f"{score.cpu_s:.0f}",
                    "taken" if chosen.get(sampler) == setting else "",
                ]
            )  # fmt: skip
    heads = ("sampler", "setting", "hypervolume by seed", "mean accuracy tried", "CPU s", "")
    return markdown_table(heads, rows)


def section_json(section: Section) -> dict[str, Any]:
    """All numbers of a section: each run's curve and front beneath the medians."""
    reference = section.reference
    return {
        "net": section.net,
        "fidelity": section.fidelity,
        "dense": {
            "accuracy": section.dense.accuracy,
            "cross_entropy": section.dense.cross_entropy,
            "latency_ms": section.dense.latency_ms,
        },
        "reference": {"latency_ms": reference.latency_ms, "accuracy": reference.floor},
        "marks": list(section.marks),
        "tables_cpu_s": dict(section.tables_s),
        "samplers": [_sampler_json(one, section.marks) for one in section.curves],
        "verdict": _verdict_json(section.verdict),
    }


def floor_json(section: Section) -> dict[str, Any]:
    """Medians and verdict of the same runs, measured from another reference point."""
    return {
        "accuracy": section.reference.floor,
        "hypervolume": {
            one.sampler: {str(mark): _quartiles_json(one.after(mark)) for mark in section.marks}
            for one in section.curves
        },
        "verdict": _verdict_json(section.verdict),
    }


def pilot_json(scores: Mapping[Setting, PilotScore], chosen: Mapping[str, Setting]) -> list[Any]:
    """Scores of all settings."""
    return [
        {
            "sampler": setting.sampler,
            "encoding": setting.encoding,
            "damage": setting.damage,
            "hypervolume": {str(seed): value for seed, value in score.volumes.items()},
            "mean_accuracy": score.accuracy,
            "cpu_s": score.cpu_s,
            "is_taken": chosen.get(setting.sampler) == setting,
        }
        for setting, score in scores.items()
    ]


def _volume_table(section: Section) -> str:
    rows = []
    for one in section.curves:
        cells = [_quartiles(Quartiles.of(one.after(mark))) for mark in section.marks]
        rows.append([one.title, *cells])
    return markdown_table(("sampler", *(f"{mark} evaluations" for mark in section.marks)), rows)


def _missing(section: Section) -> list[str]:
    """What the verdicts below leave out."""
    lines = []
    if section.absent:
        lines.append(f"Not there yet, so compared with nobody: {', '.join(section.absent)}.")
    if section.unfinished:
        lines.append(f"{section.unfinished} of these runs have not all their evaluations yet.")
    return lines


def _seconds_table(section: Section) -> str:
    names = ("ask", "evaluate", "layers", *section.tables_s)
    rows = []
    for one in section.curves:
        spent = [one.seconds_after(mark) for mark in section.marks]
        cells = [f"{np.median(found):.0f}" if found else "-" for found in spent]
        whole = [run for run in one.runs.values() if len(run.steps) == one.longest]
        parts = [np.median([run.spent.get(name, 0.0) for run in whole]) for name in names]
        rows.append([one.title, *cells, *(f"{value:.0f}" for value in parts)])
    heads = ("sampler", *(f"at {mark}" for mark in section.marks), *names)
    return markdown_table(heads, rows)


def _quartiles(found: Quartiles | None) -> str:
    if found is None:
        return "-"
    return f"{found.median:.3f} [{found.low:.3f}, {found.high:.3f}] ({found.count})"


def _never_behind(
    compared: Sequence[Comparison],
    behind: Sequence[Comparison],
    unit: str,
    marks: Sequence[int],
) -> str:
    if not compared:
        return f"**Open**: never behind at equal {unit}: there is nothing to compare yet."
    if not behind:
        known = {one.at for one in compared}
        told = ", ".join(str(mark) for mark in marks if mark in known)
        where = f"at {told} {unit}" if told else f"at any instant in {unit}"
        return f"**Met**: {OURS} is behind no other sampler {where} (medians)."
    worst: dict[str, list[Comparison]] = {}
    for one in behind:
        worst.setdefault(one.other, []).append(one)
    words = [
        f"{other} at {_span(found)} (by up to {max(o.theirs - o.ours for o in found):.3f})"
        for other, found in worst.items()
    ]
    return f"**Missed**: at equal {unit} {OURS} is behind {'; '.join(words)}."


def _span(found: Sequence[Comparison]) -> str:
    at = [one.at for one in found]
    if len(at) == 1:
        return f"{at[0]:.0f}"
    return f"{min(at):.0f} to {max(at):.0f}"


def _sampler_json(one: SamplerCurves, marks: Sequence[int]) -> dict[str, Any]:
    return {
        "sampler": one.sampler,
        "title": one.title,
        "hypervolume": {str(mark): _quartiles_json(one.after(mark)) for mark in marks},
        "cpu_s": {str(mark): _quartiles_json(one.seconds_after(mark)) for mark in marks},
        "runs": [_run_json(seed, run) for seed, run in one.runs.items()],
    }


def _run_json(seed: int, run: RunCurve) -> dict[str, Any]:
    points = [FrontPoint(i, s.accuracy, s.latency_ms) for i, s in enumerate(run.steps)]
    inside = [p for p in pareto_front(points) if run.reference.hypervolume([(p.accuracy,
              p.latency_ms)]) > 0]  # fmt: skip
    return {
        "seed": seed,
        "hypervolume": [round(volume, 5) for volume in run.volumes],
        "cpu_s": [round(seconds, 2) for seconds in run.cpu_s],
        "cpu_parts_s": {name: round(value, 2) for name, value in run.spent.items()},
        "front": [
            {
                "evaluation": point.number + 1,
                "accuracy": point.accuracy,
                "cross_entropy": run.steps[point.number].cross_entropy,
                "latency_ms": round(point.latency_ms, 5),
            }
            for point in inside
        ],
    }


def _quartiles_json(values: Sequence[float]) -> dict[str, float] | None:
    found = Quartiles.of(values)
    if found is None:
        return None
    return {
        "low": round(found.low, 5),
        "median": round(found.median, 5),
        "high": round(found.high, 5),
        "seeds": found.count,
    }


def _verdict_json(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None

    def told(one: Comparison) -> dict[str, Any]:
        return {
            "at": round(one.at, 2),
            "other": one.other,
            "ours": round(one.ours, 5),
            "theirs": round(one.theirs, 5),
            "seeds": list(one.seeds),
            "p": one.p,
        }

    return {
        "early": EARLY,
        "is_reached": verdict.is_reached,
        "reached": None if verdict.reached is None else told(verdict.reached),
        "by_evaluations": [told(one) for one in verdict.by_count],
        "behind_by_evaluations": [told(one) for one in verdict.behind_by_count],
        "behind_by_seconds": [told(one) for one in verdict.behind_by_seconds],
        "seconds_to_best": verdict.seconds_to_best,
    }
