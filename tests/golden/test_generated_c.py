"""The C text of a dense and of a pattern layer, as it was when someone last looked at it."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import pytest

from codegen.bundle import SourceBundle
from codegen.compiler import generate
from codegen.ir import Graph, GraphBuilder
from codegen.schedules.schedule import Schedule
from codegen.targets.registry import load_target

_FOLDER = Path(__file__).parent

# A dense layer may go by Winograd or, where that is forbidden, as a group without zeros.
# Patterns that eight filters share are grouped; told so, the same layer goes filter by filter.
_SCHEDULES = {
    "dense": {"layer": Schedule("dense", 8, 3)},
    "fkw": {"layer": Schedule("pattern", 1, 2)},
    "runs": {"layer": Schedule("runs", 1, 2)},
    "strips": {"layer": Schedule("pattern_rows", 7, 1)},
    "winograd": {"layer": Schedule("winograd", 4, 1)},
}


def _graph(kind: str) -> Graph:
    """One 3x3 layer of 16 filters, with weights that are the same on every machine."""
    builder = GraphBuilder("golden")
    channels = 16 if kind == "winograd" else 8
    x = builder.input((1, channels, 14, 14))
    shape = (16, channels, 3, 3)
    values = (np.arange(np.prod(shape)) % 13 - 6.5).reshape(shape) / 8
    if kind in ("pattern", "fkw", "runs", "strips"):
        patterns = np.array([[[1, 1, 0], [1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 1], [0, 1, 1]]])
        chosen = (np.arange(16)[:, None] // 8 + np.arange(8)[None, :]) % 2
        connected = (np.arange(16)[:, None] // 8 + np.arange(8)[None, :]) % 4 != 0
        values = values * patterns[chosen] * connected[:, :, None, None]
    weights = {"weight": builder.weight("w", values), "bias": builder.weight("b", np.ones(16))}
    y = builder.add(
        "conv", x, name="layer", weights=weights, padding=(1, 1, 1, 1), activation="relu"
    )
    return builder.build(y)


def _texts(bundle: SourceBundle) -> str:
    parts = [
        f"==== {file.name}\n{file.text}"
        for file in bundle.files
        if file.name.startswith("program-") or "conv" in file.name or "winograd" in file.name
    ]
    return "\n".join(parts)


@pytest.mark.parametrize("target", ["x86_64-avx512", "aarch64-a76"])
@pytest.mark.parametrize("kind", ["dense", "pattern", "fkw", "runs", "strips", "winograd"])
def test_generated_c_is_as_expected(kind: str, target: str, request: pytest.FixtureRequest) -> None:
    schedules, is_exact = _SCHEDULES.get(kind), kind == "dense"
    bundle = generate(_graph(kind), load_target(target), schedules=schedules, is_exact=is_exact)
    text = _texts(bundle)
    path = _FOLDER / f"{kind}-layer-{target}.c.txt"
    # The option is known only when pytest is started on this folder or above with its conftest.
    if request.config.getoption("--update-golden", default=False):
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"no {path.name}: run pytest tests/golden --update-golden"
    expected = path.read_text(encoding="utf-8")
    difference = difflib.unified_diff(
        expected.splitlines(), text.splitlines(), "expected", "generated", lineterm="", n=1
    )
    assert text == expected, "\n".join([*difference][:80])
