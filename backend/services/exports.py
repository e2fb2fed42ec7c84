"""The trials of a search as a pandas frame, CSV or Parquet, and a candidate's package as one file.

Columns of the frame, one row a trial, in the order of numbers; the dense baseline has number -1:

| column | what it is |
|---|---|
| id | of the candidate, as page and command line take it |
| number, state | in the Optuna study; done, failed or running |
| origin | by hand, warm start; empty: the sampler's own proposal |
| on_front | not beaten by another that keeps the limits |
| accuracy, accuracy_se, loss | on the validation images; fraction, its standard error, nats |
| test_accuracy | fraction of the test images; front members and the baseline alone |
| latency_ms, latency_spread_ms | median, median absolute deviation; comparable in the search |
| raw_latency_ms | the median as the device gave it |
| predicted_ms | what the latency model said before it was measured |
| speedup | dense net's latency over this one's, of the same rounds |
| is_unstable | the steadiest attempt was not steady |
| rate | dense weights over kept ones |
| size_bytes, memory_bytes | packed weights; packed weights and arena |
| max_relative_error, verified | of the program's outputs against torch |
| epochs, cached | epochs of its training; taken from an earlier search |
| seconds | CPU seconds of its evaluation |
| error | why it failed |
| choice:LAYER | label of the layer's choice, one column a searched layer |
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.search.records import SearchError
from backend.search.study_view import StudyView, Trial, read_study
from backend.services.candidates import package_folder
from backend.services.csv_files import csv_bytes
from backend.services.searches import find_search
from backend.storage.artifacts import write_whole
from backend.storage.open_database import open_database
from codegen.errors import PunchcardError
from codegen.package import check_folder

if TYPE_CHECKING:  # it takes half a second to import
    import pandas as pd

_FROM_RECORD = (
    "accuracy",
    "accuracy_se",
    "loss",
    "latency_ms",
    "latency_spread_ms",
    "raw_latency_ms",
    "predicted_ms",
    "speedup",
    "is_unstable",
    "rate",
    "size_bytes",
    "memory_bytes",
    "max_relative_error",
    "verified",
    "epochs",
    "cached",
)
COLUMNS = (
    "id",
    "number",
    "state",
    "origin",
    "on_front",
    "accuracy",
    "accuracy_se",
    "loss",
    "test_accuracy",
    *_FROM_RECORD[3:],
    "seconds",
    "error",
)
CHOICE = "choice:"
READABLE = 0o644  # what a user takes out is theirs to pass on


class ExportError(PunchcardError):
    """Something cannot be exported; the message says why."""


def trial_frame(search_id: str) -> pd.DataFrame:
    """All trials of a search, as the table in this module's docstring tells.

    Raises:
        SearchError: there is no such search.
    """
    import pandas as pd

    database = open_database()
    row, _ = find_search(database, search_id)
    study = read_study(database.url, row.study_name)
    front = {str(trial_id) for trial_id in row.front or ()}
    trials = sorted(study.trials, key=lambda trial: trial.number)
    layers = sorted({layer for trial in trials for layer in trial.params})
    rows = [] if row.dense is None else [_dense_row(row.dense, layers)]
    rows += [_trial_row(f"{row.id}-{trial.number}", trial, study, front) for trial in trials]
    names = [*COLUMNS, *(f"{CHOICE}{layer}" for layer in layers)]
    # Types that a missing value does not change: counts stay whole, flags stay flags.
    return pd.DataFrame(rows, columns=names).convert_dtypes()


def trials_as_csv(search_id: str) -> bytes:
    """`trial_frame` as UTF-8 CSV."""
    return csv_bytes(trial_frame(search_id))


def trials_as_parquet(search_id: str) -> bytes:
    """`trial_frame` as Parquet."""
    target = io.BytesIO()
    trial_frame(search_id).to_parquet(target, engine="pyarrow", index=False)
    return target.getvalue()


FORMATS: Mapping[str, Callable[[str], bytes]] = {
    ".csv": trials_as_csv,
    ".parquet": trials_as_parquet,
}


def export_trials(search_id: str, out: Path) -> None:
    """Write the trials of a search to a file; its ending decides the format.

    Raises:
        ExportError: the ending is none of the known ones.
        SearchError: there is no such search.
        StorageError: the file cannot be written.
    """
    write = FORMATS.get(out.suffix.lower())
    if write is None:
        known = " or ".join(FORMATS)
        msg = f"{out.name}: trials are exported to {known}, models to .onnx, not to {out.suffix!r}"
        raise ExportError(msg)
    write_whole(out, write(search_id), READABLE)


def export_package(candidate_id: str, out: Path) -> None:
    """Write a candidate's package, whole and checked, as one zip file.

    Raises:
        ExportError: `out` does not end in .zip.
        SearchError: there is no such finished candidate.
        PackageError: a file of the package is damaged.
    """
    if out.suffix.lower() != ".zip":
        msg = f"{out.name}: a package is exported to one .zip file"
        raise ExportError(msg)
    folder = package_folder(candidate_id)
    if not folder.is_dir():
        msg = f"the files of candidate {candidate_id} are missing: search again"
        raise SearchError(msg)
    check_folder(folder)
    with tempfile.TemporaryDirectory() as aside:
        name = f"{aside}/package"
        archive = shutil.make_archive(name, "zip", root_dir=folder)
        write_whole(out, Path(archive).read_bytes(), READABLE)


def _trial_row(trial_id: str, trial: Trial, study: StudyView, front: set[str]) -> dict[str, Any]:
    record = trial.record
    score = study.test_scores.get(trial.number)
    return {
        "id": trial_id,
        "number": trial.number,
        "state": trial.state,
        "origin": record.get("origin", ""),
        "on_front": trial_id in front,
        "test_accuracy": None if score is None else score["accuracy"],
        **{name: record.get(name) for name in _FROM_RECORD},
        "seconds": _seconds(record),
        "error": record.get("error", ""),
        **{f"{CHOICE}{layer}": label for layer, label in trial.params.items()},
    }


def _dense_row(dense: Mapping[str, Any], layers: list[str]) -> dict[str, Any]:
    return {
        "id": "dense",
        "number": -1,
        "state": "done",
        "origin": "",
        "on_front": False,
        "test_accuracy": dense.get("test_accuracy"),
        **{name: dense.get(name) for name in _FROM_RECORD},
        "cached": bool(dense.get("cached", False)),
        "seconds": _seconds(dense),
        "error": "",
        **{f"{CHOICE}{layer}": "dense" for layer in layers},
    }


def _seconds(record: Mapping[str, Any]) -> float | None:
    laps = record.get("seconds")
    return round(sum(laps.values()), 3) if isinstance(laps, Mapping) else None
