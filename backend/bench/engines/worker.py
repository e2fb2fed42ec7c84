"""One engine, one model, one number of threads: runs in the engine's own virtual environment.

Started as a script, so nothing of ours can be imported but its neighbours. It says one JSON line
when it is ready and answers `run REPEAT WARMUP` with milliseconds; the end of its input ends it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TextIO


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("engine", "variant", "model", "input", "output", "threads", "cache"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def _peak_rss_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0


def _serve(own: argparse.Namespace, out: TextIO) -> None:
    import numpy as np

    engine = importlib.import_module(f"{own.engine}_engine")
    values = np.load(own.input)
    info: dict[str, object] = {}
    begin = time.perf_counter()
    run = engine.open_engine(
        Path(own.model), int(own.threads), own.variant, Path(own.cache), values, info
    )
    info["load_s"] = time.perf_counter() - begin
    np.save(own.output, np.asarray(run(), dtype=np.float32))
    info["peak_rss_bytes"] = _peak_rss_bytes()
    out.write(json.dumps({"ready": info}) + "\n")
    for line in sys.stdin:
        words = line.split()
        if words[0] != "run":
            break
        for _ in range(int(words[2])):
            run()
        samples = []
        for _ in range(int(words[1])):
            start = time.perf_counter()
            run()
            samples.append(1000.0 * (time.perf_counter() - start))
        out.write(json.dumps(samples) + "\n")


def main() -> None:
    """Serve until the input ends; an error is one line too."""
    own = _arguments()
    # Engines print what they like: the answers keep a pipe of their own.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        _serve(own, out)
    except BaseException as error:
        traceback.print_exc()
        text = " ".join(str(error).split())[:300]
        out.write(json.dumps({"error": f"{type(error).__name__}: {text}"}) + "\n")
        out.flush()
        os._exit(1)
    # Some engines crash in their own clean-up; nothing here needs it.
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
