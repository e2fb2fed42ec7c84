"""A candidate's evaluations as a table, and the choice of fidelities in the search form."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from backend.services.views import RungScore

RUNGS = {
    "single": "one – every candidate is trained as above",
    "rising": "rising – stitched, the best repaired, the best of these trained",
    "written": "as written in the configuration",
}


def rung_table(rungs: Sequence[RungScore]) -> pd.DataFrame:
    """Return one row for each evaluation, the cheapest first, beside the dense net's."""
    rows = [
        {
            "evaluation": score.fidelity,
            "accuracy (%)": 100 * score.accuracy,
            "± (pt)": None if score.accuracy_se is None else 100 * score.accuracy_se,
            "cross-entropy": score.loss,
            "dense (%)": None if score.dense_accuracy is None else 100 * score.dense_accuracy,
            "difference (pt)": None
            if score.dense_accuracy is None
            else 100 * (score.accuracy - score.dense_accuracy),
            "latency (ms)": score.latency_ms,
        }
        for score in rungs
    ]
    return pd.DataFrame(rows)


def rungs_choice(training: Mapping[str, Any]) -> str:
    """Return which of `RUNGS` a configuration's training is."""
    rungs = list(training.get("rungs") or ())
    if not rungs:
        return "single"
    images, epochs = int(training.get("images") or 0), int(training.get("epochs") or 0)
    return "rising" if rungs == rungs_of("rising", images, epochs, ()) else "written"


def rungs_of(choice: str, images: int, epochs: int, written: Sequence[Any]) -> list[Any]:
    """Return the configuration's `rungs` for a choice; the last has the form's epochs."""
    if choice == "single":
        return []
    if choice == "written":
        return list(written)
    trained = [{"epochs": epochs, "images": images}] if epochs and images else []
    return ["stitched", "repaired", *trained]
