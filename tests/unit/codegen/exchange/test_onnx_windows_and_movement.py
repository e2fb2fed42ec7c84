"""Convolutions, pools, movement and resizing: import, torch, generated C and export against
onnxruntime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx_files import run_onnx
from onnx_singles import MOVES, RESIZES, WINDOWS

from codegen.exchange.onnx_exporter import export_onnx
from codegen.exchange.onnx_importer import import_onnx
from codegen.ir import Graph, verify_graph
from codegen.ir.passes import optimize
from codegen.targets.registry import host_target
from tests.fixtures.compiled_graph import (
    random_inputs,
    relative_error,
    run_compiled,
    run_torch,
)

torch.set_num_threads(1)
ALL = {**WINDOWS, **MOVES, **RESIZES}


def read(data: bytes) -> Graph:
    return import_onnx(data, name="one", any_shape=True)


def picture(graph: Graph) -> np.ndarray:
    shape = graph.inputs[0][1].shape
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("name", ALL)
def test_a_single_operator_gives_the_numbers_of_onnxruntime(name: str) -> None:
    data = ALL[name]().SerializeToString()
    graph = read(data)
    x = picture(graph)
    wanted = run_onnx(data, x)
    written = export_onnx(graph)
    onnx.checker.check_model(onnx.load_from_string(written), full_check=True)
    for form in (graph, optimize(graph), read(written)):
        (got,) = run_torch(form, [x])
        assert got.shape == wanted.shape
        assert relative_error(got, wanted) < 1e-5
    assert relative_error(run_onnx(written, x), wanted) < 1e-5


def test_all_of_them_in_one_compiled_program(tmp_path: Path) -> None:
    """The generated C of every model above, as one graph of many inputs and outputs."""
    graphs = {name: read(make().SerializeToString()) for name, make in ALL.items()}
    inputs, nodes, weights, outputs = [], [], {}, []
    for index, graph in enumerate(graphs.values()):
        own = f"m{index}."
        inputs += [(own + name, kind) for name, kind in graph.inputs]
        weights |= {own + key: weight for key, weight in graph.weights.items()}
        for node in graph.nodes:
            sources = tuple(own + source for source in node.inputs)
            items = tuple((role, own + key) for role, key in node.weight_items)
            nodes.append(replace(node, name=own + node.name, inputs=sources, weight_items=items))
        outputs += [own + name for name in graph.outputs]
    whole = Graph("all", tuple(inputs), tuple(outputs), tuple(nodes), weights)
    verify_graph(whole)
    values = random_inputs(whole)
    got = run_compiled(whole, host_target(), values, tmp_path, sanitize=True, repeat=2)
    for name, one, wanted in zip(graphs, got, run_torch(whole, values), strict=True):
        assert relative_error(one, wanted) < 1e-5, name
