"""Every pruning scheme keeps the same promises; new ones are tested by being registered."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import pytest

from backend.sparsity.candidate import LayerChoice
from backend.sparsity.patterns import SCPS
from backend.sparsity.prune import legal_schemes, prunable_layers
from backend.sparsity.schemes import SCHEMES
from codegen.errors import PlanError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph


@dataclass(frozen=True)
class Layer:
    op: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.op}-{'x'.join(map(str, self.shape))}"


LAYERS = (
    Layer("conv", (16, 16, 3, 3)),
    Layer("conv", (13, 7, 3, 3)),
    Layer("conv", (9, 3, 5, 5)),
    Layer("conv", (31, 33, 1, 1)),
    Layer("conv", (12, 1, 3, 3)),
    Layer("conv", (5, 6, 1, 7)),
    Layer("linear", (10, 64)),
    Layer("linear", (17, 9)),
)
RATES = (2.25, 3.0, 4.0, 8.1)


def build(layer: Layer) -> Graph:
    b = GraphBuilder("one")
    if layer.op == "linear":
        x = b.input((1, layer.shape[1]))
        return b.build(b.linear(x, layer.shape[0], name="layer"))
    filters, channels, high, wide = layer.shape
    x = b.input((1, channels, 9, 9))
    return b.build(b.conv(x, filters, (high, wide), name="layer"))


def choices(name: str) -> list[LayerChoice]:
    if name == "dense":
        return [LayerChoice()]
    blocks = ((8, 4), (4, 1), (5, 3))
    return [
        LayerChoice(name, rate, block=block, group=block[0], patterns="scp-4")
        for rate, block in product(RATES, blocks)
    ]


def largest_unit(name: str, choice: LayerChoice, shape: tuple[int, ...]) -> int:
    """Weights that can only go together."""
    positions = prod(shape[2:])
    filters, channels = (min(choice.block[0], shape[0]), min(choice.block[1], shape[1]))
    return {
        "dense": 1,
        "unstructured": 1,
        "filter": prod(shape[1:]),
        "pattern": 4 * min(choice.group, shape[0]),
        "block_punched": filters * channels,
        "block": filters,
        "one_by_n": filters * positions,
    }[name]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("name", SCHEMES)
def test_scheme_keeps_its_promises(name: str, layer: Layer) -> None:
    graph = build(layer)
    (node,) = prunable_layers(graph)
    weight = graph.weights["layer.weight"].values
    scheme = SCHEMES[name]
    reason = scheme.legal(node, weight.shape)
    assert (reason is None) == (name in legal_schemes(graph, node))
    if reason is not None:
        assert reason and not reason.endswith(".")
        return
    for choice in choices(name):
        if scheme.problem(weight.shape, choice) is not None:
            with pytest.raises(PlanError):
                scheme.mask(weight, choice, SCPS)
            continue
        mask = scheme.mask(weight, choice, SCPS)
        assert mask.shape == weight.shape
        assert mask.dtype == np.bool_
        assert mask.any()
        if name != "dense":
            unit = largest_unit(name, choice, weight.shape)
            assert abs(mask.sum() - weight.size / choice.rate) <= max(unit, 1), choice.label
        assert np.array_equal(mask, scheme.mask(weight, choice, SCPS)), "not reproducible"
        check_structure(mask, choice)


def check_structure(mask: np.ndarray, choice: LayerChoice) -> None:
    filters, channels = mask.shape[:2]
    high, wide = choice.block
    kernels = mask.reshape(filters, channels, -1)
    if choice.scheme == "dense":
        assert mask.all()
    elif choice.scheme == "filter":
        assert np.array_equal(kernels.any((1, 2)), kernels.all((1, 2)))
    elif choice.scheme == "pattern":
        allowed = {tuple(row) for row in SCPS.masks} | {(False,) * 9}
        assert {tuple(kernel) for kernel in kernels.reshape(-1, 9)} <= allowed
        for start in range(0, filters, choice.group):
            part = kernels[start : start + choice.group]
            assert (part == part[:1]).all(), "a group shares patterns and connectivity"
        whole = kernels[: filters // choice.group * choice.group : choice.group]
        counts = whole.any(2).sum(1)
        assert not counts.size or np.ptp(counts) <= 1, "whole groups keep equally many kernels"
    elif choice.scheme == "block_punched":
        for row, column in product(range(0, filters, high), range(0, channels, wide)):
            block = kernels[row : row + high, column : column + wide]
            assert (block == block[:1, :1]).all()
    elif choice.scheme in {"block", "one_by_n"}:
        for row in range(0, filters, high):
            band = kernels[row : row + high]
            assert (band == band[:1]).all()
            assert np.array_equal(band[0].any(1), band[0].all(1))


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "dense"])
def test_what_stays_is_what_weighs_most(name: str) -> None:
    """The kept share of energy beats that of a mask drawn for other weights."""
    layer = LAYERS[6] if name == "block" else LAYERS[0]
    weight = build(layer).weights["layer.weight"].values
    other = np.random.default_rng(1).standard_normal(weight.shape).astype(np.float32)
    choice = LayerChoice(name, 3.0, patterns="scp-4")
    scheme = SCHEMES[name]
    ours = (weight[scheme.mask(weight, choice, SCPS)] ** 2).sum()
    theirs = (weight[scheme.mask(other, choice, SCPS)] ** 2).sum()
    assert ours > theirs


def test_impossible_rates_are_told_in_words() -> None:
    shape = (16, 16, 3, 3)
    assert "2.25" in str(SCHEMES["pattern"].problem(shape, LayerChoice("pattern", 2.0)))
    assert "leaves" in str(SCHEMES["filter"].problem(shape, LayerChoice("filter", 64)))
    assert "leaves" in str(SCHEMES["unstructured"].problem(shape, LayerChoice("x", 1e5)))
