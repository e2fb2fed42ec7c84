"""`python -m backend.jobs.import_child`: reads one stranger's model file, in a process with limits.

It writes two files into its folder: `graph.safetensors` where the model can be taken, and
`answer.json` with the report or with the one sentence that says why not.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from backend.jobs.process import die_with_parent

_GIBI = 2**30
CPU_S = 120
OPEN_FILES = 64


def main() -> None:
    """Read the file that the arguments name: PARENT UPLOAD FOLDER NAME."""
    parent, upload, folder, name = sys.argv[1:]
    die_with_parent(int(parent))
    _limit(Path(upload).stat().st_size)
    answer = _read(Path(upload), Path(folder), name)
    (Path(folder) / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def _limit(file_bytes: int) -> None:
    """Bound memory, time, files and what can be written, for good."""
    # The parsed message, its arrays, our copies and the file to write stand side by side.
    memory = 2 * _GIBI + 8 * file_bytes
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 2 * _GIBI),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))


def _read(upload: Path, folder: Path, name: str) -> dict[str, Any]:
    from codegen.errors import PunchcardError
    from codegen.exchange.onnx_importer import import_onnx
    from codegen.ir.storage import save_graph

    try:
        graph = import_onnx(upload, name=name)
        save_graph(graph, folder / "graph.safetensors")
    except PunchcardError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": "the model needs more memory to read than an import may take"}
    return {"refused": None}


if __name__ == "__main__":
    main()
