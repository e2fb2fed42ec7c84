"""Every filter type keeps the same promises; new ones are tested by being registered.

The rewritten net has the dense one's outputs in shape, its layer's name on the last convolution, no
more multiply-accumulates, and a compiled program that computes what torch does, dense and pruned.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from backend.models.filter_types import (
    FILTER_TYPES,
    composed,
    layer_of,
    part_names,
    replace_filter_types,
    why_illegal_filter_type,
)
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.choice_site import ChoiceSite
from backend.sparsity.prune import prune_graph
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.macs import dense_macs
from codegen.ir.verify import verify_graph
from codegen.ir.weight import Weight
from codegen.targets.registry import host_target
from tests.fixtures.compiled_graph import random_inputs, relative_error, run_compiled, run_torch

TYPES = [name for name in FILTER_TYPES if name != "keep"]
SCHEMES = {
    "dense": LayerChoice(),
    "pattern": LayerChoice("pattern", 4.0, patterns="natural-8", group=2),
    "block_punched": LayerChoice("block_punched", 2.0, block=(4, 2)),
    "filter": LayerChoice("filter", 2.0),
}


def odd_net() -> Graph:
    """A layer of each kind that filter types meet, with odd sizes, strides and borders."""
    b = GraphBuilder("odd", seed=3)
    x = b.add("relu", b.conv(b.input((1, 3, 13, 11)), 8, 3, name="stem", bias=True), name="r0")
    x = b.conv(x, 8, 3, name="same", bias=True, activation="leaky_relu", alpha=0.1)
    y = b.batch_norm(b.conv(x, 8, 3, name="inner", padding=(1, 1, 1, 1)), name="bn")
    x = b.add("add", x, b.add("relu", y, name="r1"), name="sum", activation="relu")
    x = b.conv(x, 12, 3, name="strided", stride=2, bias=True)
    x = b.conv(x, 12, 3, name="dilated", dilation=2)
    x = b.conv(x, 12, 5, name="wide", groups=12, bias=True)
    x = b.conv(x, 12, 3, name="grouped", groups=3)
    x = b.conv(x, 12, (3, 5), name="oblong", padding=(2, 2, 2, 2), bias=True)
    x = b.conv(x, 12, 1, name="point", bias=True)
    x = b.linear(
        b.add("flatten", b.add("global_average_pool", x, name="gap"), name="flat"), 5, name="fc"
    )
    graph = b.build(x)
    random = np.random.default_rng(5)
    shifts = {key: w for key, w in graph.weights.items() if w.values.ndim == 1}
    drawn = {
        key: Weight(np.abs(random.standard_normal(w.values.shape)) + 0.2)
        for key, w in shifts.items()
    }
    return graph.with_weights(drawn)


NET = odd_net()
SITES = [
    (node.name, name)
    for node, name in product(NET.nodes, TYPES)
    if node.op == "conv" and why_illegal_filter_type(NET, node, name, is_named=True) is None
]


@pytest.mark.parametrize("name", TYPES)
def test_every_type_meets_layers_of_several_kinds(name: str) -> None:
    assert len([layer for layer, kind in SITES if kind == name]) >= 2


@pytest.mark.parametrize(("layer", "name"), SITES)
def test_the_rewrite_keeps_shapes_names_and_what_follows(layer: str, name: str) -> None:
    graph, rest = replace_filter_types(NET, Candidate.of({layer: LayerChoice(filter_type=name)}))
    verify_graph(graph)
    assert rest == Candidate()
    assert graph.type_of(graph.outputs[0]) == NET.type_of(NET.outputs[0])
    assert graph.by_name[layer].type == NET.by_name[layer].type
    last, before = graph.by_name[layer], NET.by_name[layer]
    if name != "skip":
        assert last.text("activation") == before.text("activation")
        assert ("bias" in last.weights) == ("bias" in before.weights)
    parts = part_names(NET, before, name)
    assert len(graph.nodes) == len(NET.nodes) + max(len(parts), 1) - 1
    macs = sum(dense_macs(graph, graph.by_name[part]) for part in parts)
    is_dearer = macs > dense_macs(NET, before)
    reason = why_illegal_filter_type(NET, before, name)
    assert (reason is not None) == is_dearer
    again = replace_filter_types(NET, Candidate.of({layer: LayerChoice(filter_type=name)}))[0]
    assert again.digest == graph.digest


@pytest.mark.parametrize(("layer", "name"), SITES)
def test_the_start_computes_what_its_one_convolution_does(layer: str, name: str) -> None:
    """The parts together are `composed`, strides, borders and dilation included."""
    if name == "skip":
        return
    node = NET.by_name[layer]
    graph = replace_filter_types(NET, Candidate.of({layer: LayerChoice(filter_type=name)}))[0]
    site = layer_of(NET, node)
    pieces = FILTER_TYPES[name].pieces(site, start=True)
    weight = composed(site, pieces, [piece.weight for piece in pieces])
    inputs = random_inputs(NET, seed=1)
    wide = node.weights["weight"]
    if site.kernel < (3, 3) and name != "conv1x1":
        weight = None  # a larger kernel than the layer's does not fit into it
    if weight is not None:
        (got,) = run_torch(graph, inputs)
        (wanted,) = run_torch(NET.with_weights({wide: Weight(weight)}), inputs)
        assert relative_error(got, wanted) < 1e-4


def mixed(turn: int, choice: LayerChoice) -> Candidate:
    """Every layer with one of its types, each in its turn, and the scheme where it has it."""
    chosen: dict[str, LayerChoice] = {}
    for node in NET.nodes:
        names = [name for layer, name in SITES if layer == node.name]
        if not names:
            continue
        name = names[turn % len(names)]
        site = ChoiceSite(NET, node, name)
        with_type = replace(choice, filter_type=name)
        if site.why_not_scheme(with_type) or site.problem(with_type) or name == "skip":
            with_type = LayerChoice(filter_type=name)
        chosen[node.name] = with_type
    return Candidate.of(chosen)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_generated_code_of_every_type_equals_torch(tmp_path: Path, scheme: str) -> None:
    """All types of all layers, several at once, since a compilation costs a second."""
    met = set()
    for turn in range(len(TYPES)):
        candidate = mixed(turn, SCHEMES[scheme])
        met |= {(name, choice.filter_type) for name, choice in candidate.choices}
        graph = prune_graph(NET, candidate)
        inputs = random_inputs(graph, seed=turn)
        wanted = run_torch(graph, inputs)
        got = run_compiled(graph, host_target(), inputs, tmp_path)
        assert relative_error(got[0], wanted[0]) < 1e-4, candidate
    assert met == set(SITES)
