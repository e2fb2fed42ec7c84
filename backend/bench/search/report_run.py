"""Everything a bench has to show so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.bench.accuracy.provenance import provenance
from backend.bench.search.bench_run import BenchRun
from backend.bench.search.measured_front import (
    measured_json,
    measured_markdown,
    read_measured,
)
from backend.bench.search.open_bench import OTHER_FLOORS
from backend.bench.search.planned_cells import (
    best_of_plan,
    chosen_settings,
    pilot_scores,
    planned_cells,
)
from backend.bench.search.plot import section_svg
from backend.bench.search.report import (
    floor_json,
    floor_markdown,
    pilot_json,
    pilot_markdown,
    section_json,
    section_markdown,
)
from backend.bench.search.run_record import steps_of
from backend.bench.search.sampler_code import sampler_code
from backend.bench.search.section import Section, sections
from backend.storage.artifacts import write_whole


def report_run(run: BenchRun, plots: Path | None = None) -> tuple[str, dict[str, Any]]:
    """Markdown and JSON; curves as SVG files where a folder is given."""
    scores, chosen = pilot_scores(run), chosen_settings(run)
    found, measured = sections(run), read_measured(run)
    others = _by_other_floors(run)
    parts = []
    if scores:
        parts += ["### Settings, chosen by runs of their own", pilot_markdown(scores, chosen)]
    for section in found:
        parts.append(section_markdown(section))
        timed = measured_markdown(section, measured)
        if timed is not None:
            parts += ["Front members of each sampler's first run, timed end to end:", timed]
        parts += [floor_markdown(other) for other in others[section.name]]
        if plots is not None:
            plots.mkdir(parents=True, exist_ok=True)
            path = plots / plot_name(section)
            write_whole(path, section_svg(section).encode(), mode=0o644)
    if not found:
        parts.append("No results yet.")
    cells = planned_cells(run)
    done = sum(len(steps_of(one.cell, run.journal)) >= one.count for one in cells)
    parts.append(f"{done} of {len(cells)} runs that can be named by now are whole.")
    numbers = {
        "profile": run.plan.name,
        "floors": dict(run.floors),
        "code": {name: sampler_code(name) for name in run.plan.samplers},
        **provenance(),
        "runs": {"whole": done, "planned": len(cells)},
        "pilot": pilot_json(scores, chosen),
        "best": best_of_plan(run),
        "sections": [
            section_json(section)
            | {
                "measured": measured_json(section, measured),
                "other_floors": [floor_json(other) for other in others[section.name]],
            }
            for section in found
        ],
    }
    return "\n\n".join(parts), numbers


def plot_name(section: Section) -> str:
    """File name of a section's curves."""
    return f"search-{section.net}-{section.fidelity}.svg"


def _by_other_floors(run: BenchRun) -> dict[str, list[Section]]:
    """The same runs from the other reference points, by the section's name."""
    found: dict[str, list[Section]] = {}
    for floor in sorted({floor for floors in OTHER_FLOORS.values() for floor in floors}):
        for section in sections(run, floor=floor):
            others = found.setdefault(section.name, [])
            if floor in OTHER_FLOORS[section.fidelity] and floor < section.dense.accuracy:
                others.append(section)
    return found
