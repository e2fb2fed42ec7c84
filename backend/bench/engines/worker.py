"""One engine, one model, one number of threads: runs in the engine's own virtual environment.

Started as a script, so nothing of ours can be imported but its neighbours. It says one JSON line
when it is ready and answers `run REPEAT WARMUP` with milliseconds; the end of its input ends it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TextIO


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in (
        "engine",
        "variant",
        "model",
        "input",
        "output",
        "threads",
        "cache",
        "output_name",
    ):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def _peak_rss_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return 0


def _converted(engine: Any, model: Path, own: argparse.Namespace, values: Any) -> Path:
    """The folder of a model in the engine's own form, made once, by a child.

    A conversion in this process would count in its peak memory, and one that is cut short must not
    leave files that look whole.
    """
    folder = Path(own.cache) / f"{model.stem}-{own.engine}-{own.variant}"
    if folder.is_dir():
        return folder
    aside = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    child = os.fork()
    if not child:
        try:
            engine.convert(model, aside, own.variant, values)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        shutil.rmtree(aside, ignore_errors=True)
        msg = "the conversion failed, see the log"
        raise ValueError(msg)
    aside.rename(folder)
    return folder


def _size(model: Path) -> int:
    files = model.rglob("*") if model.is_dir() else (model,)
    return sum(path.stat().st_size for path in files if path.is_file())


def _serve(own: argparse.Namespace, out: TextIO) -> None:
    import numpy as np

    engine = importlib.import_module(f"{own.engine}_engine")
    values = np.load(own.input)
    info: dict[str, object] = {}
    info["output_name"] = own.output_name
    model = Path(own.model)
    if hasattr(engine, "convert"):
        begin = time.perf_counter()
        model = _converted(engine, model, own, values)
        info["convert_s"] = time.perf_counter() - begin
    info["file_bytes"] = _size(model)
    begin = time.perf_counter()
    run = engine.open_engine(model, int(own.threads), own.variant, values, info)
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
