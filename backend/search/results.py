"""A finished trial as it is stored: evaluation and timing folded into one flat record."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.search.timing import Check, Timing
from backend.storage.artifacts import write_whole
from codegen.package import MANIFEST

TOLERANCE = 1e-4
"""Largest difference to torch, relative to the largest output, that counts as the same."""

EVALUATION_FILE = "evaluation.json"
GRAPH_FILE = "graph.safetensors"
TIMING_FILE = "timing.json"
PACKAGE_FOLDER = "package"


def read_evaluation(folder: Path) -> dict[str, Any] | None:
    """What the evaluator left in a folder, or None where it never finished."""
    try:
        result: dict[str, Any] = json.loads((folder / EVALUATION_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return result


def package_memory(folder: Path) -> int | None:
    """Peak memory of one inference of a candidate's package: packed weights and arena, in bytes.

    Input and output are the caller's. None where the manifest does not tell.
    """
    try:
        manifest = json.loads((folder / PACKAGE_FOLDER / MANIFEST).read_bytes())
        return int(manifest["weights_bytes"]) + int(manifest["arena_bytes"])
    except (OSError, ValueError, KeyError):
        return None


def epochs_of(evaluation: Mapping[str, Any]) -> int:
    """Epochs that an evaluation trained, all its trainings added up.

    0 of a mere repair, and of a net that was trained before and only built anew.
    """
    if evaluation.get("reused"):
        return 0
    trainings = (evaluation.get("training") or {}).get("trainings") or ()
    return sum(int(training.get("epochs") or 0) for training in trainings)


def why_unusable(record: Mapping[str, Any]) -> str | None:
    """One sentence where an objective is no number, so that the trial has to fail; else None.

    Args:
        record: an evaluation, or a trial's record.
    """
    for key, reason in _FINITE.items():
        value = record.get(key)
        if value is not None and not math.isfinite(value):
            return f"its {key} is {value}: {reason}"
    return None


_FINITE = {
    "accuracy": "the net cannot be judged",
    "loss": "the training diverged, so lower training.learning_rate or raise training.batch",
    "latency_ms": "the device gave no time",
}


def write_timing(folder: Path, timing: Timing, check: Check) -> None:
    """Keep all samples beside the package."""
    record = {**timing.to_json(), "max_relative_error": check.max_relative_error}
    write_whole(folder / TIMING_FILE, json.dumps(record).encode())


def read_timing(folder: Path) -> dict[str, Any]:
    """What `write_timing` wrote; empty where it is missing."""
    try:
        record: dict[str, Any] = json.loads((folder / TIMING_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return record


def trial_record(
    evaluation: Mapping[str, Any], timing: Timing, check: Check, folder: str, reference_ms: float
) -> dict[str, Any]:
    """The attributes of a finished trial; samples and layers stay in the folder's files.

    `latency_ms` is the measured median times `reference_ms` over the dense net's median of the
    same rounds: a clock that changed since the baseline was measured drops out, so that all
    latencies of a search can be compared. `raw_latency_ms` is the median as it was.
    """
    drift = reference_ms / timing.dense_median_ms
    return {
        **_scores(evaluation),
        "latency_ms": timing.median_ms * drift,
        "raw_latency_ms": timing.median_ms,
        "latency_spread_ms": timing.spread_ms * drift,
        "dense_latency_ms": reference_ms,
        "speedup": timing.speedup,
        "is_unstable": timing.is_unstable,
        "layer_ms": {name: round(ms * drift, 6) for name, ms in check.layer_ms.items()},
        "max_relative_error": check.max_relative_error,
        "verified": check.max_relative_error <= TOLERANCE,
        "folder": folder,
    }


def dense_record(
    evaluation: Mapping[str, Any], timing: Timing, check: Check, folder: str
) -> dict[str, Any]:
    """The baseline's record: the dense net is its own yardstick."""
    return {
        **trial_record(evaluation, timing, check, folder, timing.dense_median_ms),
        "latency_ms": timing.dense_median_ms,
        "latency_spread_ms": timing.dense_spread_ms,
        "speedup": 1.0,
    }


def with_rung(
    dense: Mapping[str, Any],
    rung: int,
    evaluation: Mapping[str, Any],
    folder: str,
    *,
    is_cached: bool = False,
) -> dict[str, Any]:
    """The baseline's record with what it is at one more rung.

    `rungs` holds accuracy, loss and folder by the rung's index as text; the record's own accuracy,
    loss and `scored_folder` are those of the highest.
    """
    found = {
        "fidelity": evaluation.get("fidelity", ""),
        "accuracy": evaluation["accuracy"],
        "accuracy_se": evaluation["standard_error"],
        "loss": evaluation["loss"],
        "epochs": epochs_of(evaluation),
        "folder": folder,
        "cached": is_cached,
    }
    rungs = {**dense.get("rungs", {}), str(rung): found}
    highest = rungs[max(rungs, key=int)]
    shown = {key: highest[key] for key in ("fidelity", "accuracy", "accuracy_se", "loss")}
    return {**dense, **shown, "scored_folder": highest["folder"], "rungs": rungs}


def _scores(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "accuracy": evaluation["accuracy"],
        "accuracy_se": evaluation["standard_error"],
        "loss": evaluation["loss"],
        "fidelity": evaluation.get("fidelity", ""),
        "rate": evaluation["rate"],
        "size_bytes": evaluation["size_bytes"],
        "seconds": evaluation["seconds"],
        "epochs": epochs_of(evaluation),
    }
