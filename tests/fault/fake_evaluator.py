"""An evaluator without torch: results follow from the candidate's digest and rung, at once.

While `$FAULT_FOLDER/kill` holds a number above 0, an evaluation counts it down and kills itself.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backend.config.rungs import label_of
from backend.config.search_file import Training
from backend.jobs.process import die_with_parent
from backend.search.evaluator_main import serve
from backend.search.executor import Handler
from backend.sparsity.candidate import Candidate

FOLDER = Path(os.environ["FAULT_FOLDER"])


def reconstruct(payload: Mapping[str, Any]) -> dict[str, Any]:
    with (FOLDER / "reconstructed").open("a") as file:
        file.write(payload["layer"] + "\n")
    return {"made": len(payload["choices"]), "reports": []}


def evaluate(training: Training, payload: Mapping[str, Any]) -> dict[str, Any]:
    candidate = Candidate.from_json(payload["candidate"])
    rung = int(payload.get("rung", 0))
    with (FOLDER / "evaluated").open("a") as file:
        file.write(candidate.digest + (f"@{rung}" if rung else "") + "\n")
    pids = FOLDER / "pids"
    pids.mkdir(exist_ok=True)
    (pids / str(os.getpid())).touch()
    time.sleep(0.05)
    kill = FOLDER / "kill"
    if candidate.choices and kill.exists() and (left := int(kill.read_text() or 0)) > 0:
        kill.write_text(str(left - 1))
        os.kill(os.getpid(), signal.SIGKILL)
    if candidate.choices and (FOLDER / "refuse").exists():
        msg = "this candidate cannot be built"
        raise ValueError(msg)
    folder = Path(payload["folder"])
    (folder / "package").mkdir(parents=True, exist_ok=True)
    share = int(candidate.digest[:4], 16) / 0xFFFF
    result = {
        "accuracy": 0.92 - 0.05 * share + 0.01 * rung,
        "standard_error": 0.006,
        "loss": 0.3 + share - 0.1 * rung,
        "fidelity": label_of(training.fidelities[rung]),
        "count": 2000,
        "rate": 1.0 + 3.0 * share,
        "size_bytes": 1000,
        "layers": [],
        "seconds": {},
    }
    inputs = np.full((1, 4), share, np.float32)
    np.save(folder / "check_inputs.npy", inputs)
    np.save(folder / "check_outputs.npy", 2 * inputs)
    (folder / "package" / "manifest.json").write_text(json.dumps({"layers": [], "share": share}))
    (folder / "evaluation.json").write_text(json.dumps(result))
    return result


def score(payload: Mapping[str, Any]) -> dict[str, Any]:
    with (FOLDER / "scored").open("a") as file:
        file.write(Path(payload["folder"]).name + "\n")
    return {"accuracy": 0.9, "loss": 0.3, "count": 100, "standard_error": 0.01}


def make_handlers(setup: Mapping[str, Any]) -> Mapping[str, Handler]:
    training = Training.model_validate(setup["training"])
    return {
        "evaluate": partial(evaluate, training),
        "score": score,
        "reconstruct": reconstruct,
    }


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    serve(make_handlers)
