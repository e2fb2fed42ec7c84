"""A study as JSON: the contract of `punchcard enhance`, of the page and of the docs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backend.enhancement.comparison import ComparisonRow
from backend.enhancement.measurement import Measurement
from backend.enhancement.methods import CONTROL, METHODS
from backend.enhancement.picture_set import NO_LABEL
from backend.enhancement.sharpness import SHARPNESS
from backend.enhancement.study import SIDES, Study

PAPER_CLAIM = (
    "Ma et al. (ECCV 2020) show guided back-propagation, integrated gradients and inverted "
    "features of three ImageNet pictures and find the pattern-pruned net's sharper. They give no "
    "number."
)
_TITLES = {
    "deletion": "deletion area",
    "insertion": "insertion area",
    "psnr_db": "PSNR of the recovered picture (dB)",
    "strength": "mean of the map",
    **{name: score.title for name, score in SHARPNESS.items()},
}


def report_of(study: Study, dense: str, pruned: str) -> dict[str, Any]:
    """All numbers of a study.

    Args:
        study: what came out.
        dense: name of the dense net.
        pruned: name of the pruned one.
    """
    pictures = study.pictures
    known = pictures.labels != NO_LABEL
    accuracy = {
        f"{side}_accuracy": _number((top[known] == pictures.labels[known]).mean())
        if known.any()
        else None
        for side, top in zip(SIDES, study.top, strict=True)
    }
    return {
        "dense": dense,
        "pruned": pruned,
        "rate": round(study.rate, 4),
        "pictures": pictures.source,
        "count": len(pictures),
        **accuracy,
        "agreement": _number((study.top[0] == study.top[1]).mean()),
        "claim": PAPER_CLAIM,
        "verdict": study.verdict.word,
        "sentence": study.verdict.sentence,
        "sharpness": [row_json(row) for row in study.sharpness],
        "faithfulness": [row_json(row) for row in study.faithfulness],
        "strength": [row_json(row) for row in study.strength],
        "random_order": _control(study),
        "completeness": _completeness(study),
        "settings": study.settings.to_json(),
    }


def per_picture(study: Study) -> list[dict[str, Any]]:
    """One row for each picture and number: dense, pruned and their difference."""
    rows = []
    for method, (dense, pruned) in study.seen.items():
        if method == CONTROL:
            continue
        for score in dense.values:
            for number, (first, second) in enumerate(
                zip(dense.values[score], pruned.values[score], strict=True)
            ):
                rows.append(
                    {
                        "picture": study.pictures.names[number],
                        "method": method,
                        "score": score,
                        "dense": _number(first),
                        "pruned": _number(second),
                        "difference": _number(second - first),
                    }
                )
    return rows


def row_json(row: ComparisonRow) -> dict[str, Any]:
    """One comparison; what is not a number becomes null."""
    return {
        "method": row.method,
        "method_title": METHODS[row.method].title,
        "score": row.score,
        "score_title": _TITLES[row.score],
        "better_is_higher": row.better_is_higher,
        "count": row.count,
        "dense": _number(row.dense),
        "pruned": _number(row.pruned),
        "difference": _number(row.difference),
        "low": _number(row.interval.low),
        "high": _number(row.interval.high),
        "joint_low": _number(row.joint.low),
        "joint_high": _number(row.joint.high),
        "better_share": _number(row.better_share),
        "verdict": row.verdict,
    }


def _control(study: Study) -> dict[str, Any]:
    """Deletion and insertion of pixels in a random order: what a map has to beat."""
    if CONTROL not in study.seen:
        return {}
    return {
        f"{side}_{name}": _number(measured.values[name].mean())
        for side, measured in zip(SIDES, study.seen[CONTROL], strict=True)
        for name in ("deletion", "insertion")
    }


def _completeness(study: Study) -> dict[str, Any]:
    """How well attributions add up to the change of the score."""
    if "integrated" not in study.seen:
        return {}
    return {
        side: _gaps(measured, study.settings.tolerance)
        for side, measured in zip(SIDES, study.seen["integrated"], strict=True)
    }


def _gaps(measured: Measurement, tolerance: float) -> dict[str, Any]:
    gap, steps = measured.values["completeness_gap"], measured.values["steps"]
    return {
        "mean_gap": _number(gap.mean()),
        "largest_gap": _number(gap.max()),
        "within_tolerance": _number((gap <= tolerance).mean()),
        "mean_steps": _number(steps.mean()),
        "most_steps": int(steps.max()),
    }


def _number(value: float | np.floating[Any]) -> float | None:
    """A JSON number of seven digits, or None for what is no number."""
    plain = float(value)
    return float(f"{plain:.7g}") if math.isfinite(plain) else None
