"""An evaluator process whose tasks misbehave on request."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.jobs.process import die_with_parent
from backend.search.evaluator_main import serve
from backend.search.executor import Handler
from codegen.errors import GraphError


def make_handlers(setup: Mapping[str, Any]) -> Mapping[str, Handler]:
    print("libraries may print what they like")
    return {
        "echo": lambda payload: {**payload, **setup},
        "refuse": refuse,
        "break": lambda payload: {"never": 1 // len(payload)},
        "die": die,
        "child": child,
        "extend": extend,
        "slow": slow,
        "where": lambda _payload: {"gpus": os.environ.get("CUDA_VISIBLE_DEVICES", "")},
    }


def refuse(_payload: Mapping[str, Any]) -> Mapping[str, Any]:
    msg = "the layer 'x' is no layer"
    raise GraphError(msg)


def place_of(payload: Mapping[str, Any]) -> Path:
    """A folder of the test's; `place` says "at" before it, so that it does not travel."""
    return Path(payload["place"].removeprefix("at ") if "place" in payload else payload["folder"])


def die(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    folder = place_of(payload)
    folder.mkdir(exist_ok=True)
    deaths = len(list(folder.glob("death-*")))
    if deaths < payload["times"]:
        (folder / f"death-{deaths}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"deaths": deaths}


def child(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (Path(payload["folder"]) / f"child-{process.pid}").touch()
    time.sleep(600)
    return {}


def extend(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add a line to the folder's file, with the text of the setup's own file."""
    folder = Path(payload["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    if "earlier" in payload:
        payload = {**payload, "line": (Path(payload["earlier"]) / "lines").read_text().strip()}
    lines = (folder / "lines").read_text() if (folder / "lines").exists() else ""
    (folder / "lines").write_text(lines + payload["line"] + "\n")
    return {"folder": str(folder)}


def slow(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    place = place_of(payload)
    (place / f"begun-{os.getpid()}").touch()
    end = time.monotonic() + 120
    while not (place / "go").exists() and time.monotonic() < end:
        time.sleep(0.02)
    return {"pid": os.getpid()}


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    serve(make_handlers)
