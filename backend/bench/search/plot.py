"""Curves of a section as an SVG file: hypervolume over evaluations and over CPU seconds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

from backend.bench.search.run_curve import Quartiles, SamplerCurves
from backend.bench.search.section import Section

COLOURS = {
    "punchcard": "#0b6b64",
    "npas": "#a85a00",
    "random": "#6f6c60",
    "nsga2": "#1f5fa8",
    "tpe": "#6b3fa0",
    "gp": "#b3382c",
}
_INK, _LINE, _PAPER = "#20302f", "#d9d0ba", "#fcfaf4"
_WIDE, _HIGH, _LEFT, _TOP, _BETWEEN = 420, 300, 60, 48, 70
_POINTS = 80


@dataclass(frozen=True)
class _Panel:
    """One diagram: its place, and where values lie in it."""

    left: float
    low: float
    high: float
    top: float
    is_log: bool

    def x(self, value: float) -> float:
        low, high = self._scale(self.low), self._scale(self.high)
        return self.left + _WIDE * (self._scale(value) - low) / ((high - low) or 1.0)

    def y(self, value: float) -> float:
        return _TOP + _HIGH * (1.0 - value / self.top)

    def _scale(self, value: float) -> float:
        return math.log10(max(value, 1e-9)) if self.is_log else value


def section_svg(section: Section) -> str:
    """Medians over seeds with quartiles as bands; two panels, one legend."""
    longest = max(one.longest for one in section.curves)
    seconds = [run.cpu_s for one in section.curves for run in one.runs.values() if run.steps]
    top = _round_up(
        max(max(run.volumes, default=0.0) for c in section.curves for run in c.runs.values())
    )
    first = min(found[0] for found in seconds)
    last = max(found[-1] for found in seconds)
    panels = (
        _Panel(_LEFT, 0, longest, top, is_log=False),
        _Panel(_LEFT + _WIDE + _BETWEEN, first, last, top, is_log=True),
    )
    parts = [_frame(panels[0], "evaluations", _even(longest))]
    parts.append(_frame(panels[1], "CPU seconds, everything included", _decades(first, last)))
    counts = np.unique(np.linspace(1, longest, min(longest, 2 * _POINTS)).round().astype(int))
    instants = np.geomspace(first, last, _POINTS)
    for one in section.curves:
        parts.append(_curve(panels[0], one, [float(n) for n in counts], lambda n: int(n), "after"))
        parts.append(_curve(panels[1], one, instants.tolist(), float, "by_second"))
    parts.append(_legend(section.curves))
    width, height = _LEFT + 2 * _WIDE + _BETWEEN + 20, _TOP + _HIGH + 84
    title = f"{section.name}: hypervolume, median and quartiles over seeds"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="{_INK}" '
        f'role="img"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>'
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(title)}</text>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def _curve(
    panel: _Panel,
    one: SamplerCurves,
    places: Sequence[float],
    kind: Callable[[float], float],
    method: str,
) -> str:
    values: Callable[[float], list[float]] = getattr(one, method)
    found = [(place, Quartiles.of(values(kind(place)))) for place in places]
    known = [(place, quartiles) for place, quartiles in found if quartiles is not None]
    if not known:
        return ""
    colour = COLOURS.get(one.sampler, _INK)
    above = [f"{panel.x(p):.1f},{panel.y(q.high):.1f}" for p, q in known]
    below = [f"{panel.x(p):.1f},{panel.y(q.low):.1f}" for p, q in reversed(known)]
    middle = " ".join(f"{panel.x(p):.1f},{panel.y(q.median):.1f}" for p, q in known)
    return (
        f'<polygon points="{" ".join([*above, *below])}" fill="{colour}" fill-opacity="0.13"/>'
        f'<polyline points="{middle}" fill="none" stroke="{colour}" stroke-width="2"/>'
    )


def _frame(panel: _Panel, title: str, marks: Sequence[float]) -> str:
    bottom = _TOP + _HIGH
    parts = []
    for step in range(5):
        value = panel.top * step / 4
        y = panel.y(value)
        parts.append(
            f'<path d="M{panel.left:.0f} {y:.1f}h{_WIDE}" stroke="{_LINE}"/>'
            f'<text x="{panel.left - 6:.0f}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        )
    for mark in marks:
        x = panel.x(mark)
        parts.append(
            f'<path d="M{x:.1f} {bottom}v4" stroke="{_INK}"/>'
            f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{mark:g}</text>'
        )
    middle = panel.left + _WIDE / 2
    parts.append(f'<text x="{middle:.0f}" y="{bottom + 38}" text-anchor="middle">{title}</text>')
    return "".join(parts)


def _legend(curves: Sequence[SamplerCurves]) -> str:
    parts, x, y = [], float(_LEFT), _TOP + _HIGH + 66
    for one in curves:
        colour = COLOURS.get(one.sampler, _INK)
        parts.append(
            f'<rect x="{x:.0f}" y="{y - 9}" width="18" height="4" fill="{colour}"/>'
            f'<text x="{x + 24:.0f}" y="{y - 3}">{escape(one.title)}</text>'
        )
        x += 40 + 7 * len(one.title)
    return "".join(parts)


def _round_up(value: float) -> float:
    if value <= 0.0:
        return 1.0
    unit = math.pow(10.0, math.floor(math.log10(value)))
    steps = (1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
    return next((unit * step for step in steps if value <= unit * step), 10.0 * unit)


def _even(longest: int) -> list[float]:
    step = max(1, longest // 4)
    return [float(mark) for mark in range(0, longest + 1, step)]


def _decades(low: float, high: float) -> list[float]:
    found = [
        unit * 10.0**power
        for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for unit in (1, 2, 5)
    ]
    return [mark for mark in found if low <= mark <= high]
