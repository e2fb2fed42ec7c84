"""Functions value by value: specials, ends of the range, a fine grid; reductions of specials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from codegen.ir import Graph, GraphBuilder
from codegen.ir.ops import ACTIVATIONS, BINARY, FUNCTIONS, REDUCTIONS
from codegen.targets.registry import host_target
from tests.fixtures.compiled_graph import run_compiled, run_torch

_SPECIALS = (
    0.0, -0.0, np.nan, np.inf, -np.inf, 1.2e-38, 5e37, -5e37, 0.5, 1.5, 2.5,
    -0.5, -1.5, 8388607.5, 8388609.0, -8388607.0, 88.0, 88.8, -87.5, -104.0, 0.94, -0.94, 20.0,
)  # fmt: skip


def _values() -> npt.NDArray[np.float32]:
    grid = np.linspace(-12, 12, 997)
    powers = np.exp2(np.arange(-125, 124, 3, dtype=np.float64)) * 1.3
    return np.concatenate([_SPECIALS, grid, powers, -powers]).astype(np.float32)


def _unary(size: int) -> Graph:
    builder = GraphBuilder("unary")
    x = builder.input((1, size))
    outputs = [builder.add(op, x, name=op) for op in (*ACTIVATIONS, *FUNCTIONS)]
    outputs.append(builder.add("clip", x, name="clip", low=-1.0, high=2.0))
    return builder.build(*outputs)


def _binary(size: int) -> Graph:
    builder = GraphBuilder("binary")
    x, y = builder.input((1, size, 1), "x"), builder.input((1, 1, size), "y")
    return builder.build(*(builder.add(op, x, y, name=op) for op in BINARY))


def _check(graph: Graph, inputs: list[npt.NDArray[np.float32]], folder: Path) -> None:
    target = host_target()
    got = run_compiled(graph, target, inputs, folder)
    with np.errstate(all="ignore"):
        wanted = run_torch(graph, inputs)
        for name, one, other in zip(graph.outputs, got, wanted, strict=True):
            # Denormals may be rounded to zero.
            close = np.isclose(one, other, rtol=2e-6, atol=2e-7, equal_nan=True)
            at = np.argwhere(~close)[:5]
            assert close.all(), (name, [(one[tuple(i)], other[tuple(i)], i) for i in at])


def _rows(length: int) -> npt.NDArray[np.float32]:
    """Rows with nothing special, and with each special number first, inside and last."""
    random = np.random.default_rng(length)
    rows = random.standard_normal((10, length)).astype(np.float32)
    for index, special in enumerate((np.nan, np.inf, -np.inf)):
        for place, column in enumerate((0, length // 2, length - 1)):
            rows[3 * index + place, column] = special
    rows[9] = -np.inf
    return np.concatenate([rows, random.standard_normal((2, length)).astype(np.float32)])


def test_reductions_and_norms_of_special_numbers(tmp_path: Path) -> None:
    builder = GraphBuilder("reductions")
    outputs, inputs = [], []
    for length in (5, 16, 45):
        values = _rows(length)
        x = builder.input(values.shape, f"x{length}")
        y = builder.input(values.T.shape, f"y{length}")
        inputs += [values, np.ascontiguousarray(values.T)]
        for op in REDUCTIONS:
            attrs = {"keep": False}
            outputs.append(builder.add(op, x, name=f"{op}{length}", axes=(1,), **attrs))
            outputs.append(builder.add(op, y, name=f"{op}{length} down", axes=(0,), **attrs))
        for op in ("softmax", "log_softmax"):
            outputs.append(builder.add(op, x, name=f"{op}{length}", axis=1))
            outputs.append(builder.add(op, y, name=f"{op}{length} down", axis=0))
        keys = {key: builder.weight(f"{key}{length}", np.ones(length)) for key in ("gamma", "beta")}
        outputs.append(builder.add("layer_norm", x, name=f"norm{length}", axis=1, weights=keys))
        ones = builder.constant(np.ones((length, 19)), name=f"ones{length}")
        outputs.append(builder.add("matmul", x, ones, name=f"product{length}", depth=length))
    _check(builder.build(*outputs), inputs, tmp_path)


def test_unary_functions_at_every_kind_of_number(tmp_path: Path) -> None:
    values = _values()
    _check(_unary(len(values)), [values[None]], tmp_path)


def test_binary_functions_of_special_numbers(tmp_path: Path) -> None:
    values = np.array((*_SPECIALS, 2.0, -3.0), dtype=np.float32)
    size = len(values)
    _check(_binary(size), [values.reshape(1, size, 1), values.reshape(1, 1, size)], tmp_path)
