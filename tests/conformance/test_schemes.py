"""Every pruning scheme keeps the same promises; new ones are tested by being registered.

For each scheme and kind of layer: the asked rate within half of what only goes together, the
structure it is named after, the same mask again, nothing left to do in what is already pruned, and
a compiled program of its format that computes what torch does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.sparsity.candidate import AXES, BALANCES, Candidate, LayerChoice
from backend.sparsity.patterns import SCPS, PatternSet, universe
from backend.sparsity.prune import legal_schemes, prunable_layers, prune_graph, why_illegal
from backend.sparsity.schemes import SCHEMES
from codegen.errors import PlanError
from codegen.formats.column_blocks import pack_column_blocks, unpack_column_blocks
from codegen.formats.fkw import pack_fkw, unpack_fkw
from codegen.formats.grouped import pack_grouped, unpack_grouped
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.lowering import lower_linear
from codegen.lowering.strategies import (
    blocked,
    compact,
    expand_depthwise,
    grouped,
    pattern_rows,
    runs,
)
from codegen.lowering.strategies import pattern as pattern_strategy
from codegen.targets.registry import host_target
from tests.fixtures.compiled_graph import random_inputs, relative_error, run_compiled, run_torch


@dataclass(frozen=True)
class Layer:
    op: str
    shape: tuple[int, ...]
    size: int = 9

    def __str__(self) -> str:
        return f"{self.op}-{'x'.join(map(str, self.shape))}"


LAYERS = (
    Layer("conv", (16, 16, 3, 3)),
    Layer("conv", (13, 7, 3, 3), 15),
    Layer("conv", (33, 8, 3, 3), 4),
    Layer("conv", (9, 3, 5, 5), 17),
    Layer("conv", (31, 33, 1, 1), 7),
    Layer("depthwise", (12, 1, 3, 3), 16),
    Layer("depthwise", (17, 1, 5, 5), 7),
    Layer("grouped", (12, 4, 3, 3), 8),
    Layer("conv", (5, 6, 1, 7), 8),
    Layer("linear", (10, 64)),
    Layer("linear", (17, 9)),
    Layer("linear", (33, 40)),
)
SETS = {"scp-4": SCPS} | {
    f"some-{n}": PatternSet(f"some-{n}", universe(n).patterns[: 3 * n]) for n in (2, 3, 5, 7)
}


def rates_of(name: str) -> list[float]:
    return [1.8, 2.25, 3.0, 4.0, 8.1] if name == "pattern" else [1.3, 2.0, 4.0, 8.1]


def choices(name: str) -> list[LayerChoice]:
    if name == "dense":
        return [LayerChoice()]
    blocks = ((8, 4), (4, 1), (5, 3))
    made = [
        LayerChoice(name, rate, block, patterns, block[0], balance=balance, axes=axes)
        for rate, block, patterns, balance, axes in product(
            rates_of(name),
            blocks,
            ("scp-4", "some-5") if name == "pattern" else ("scp-4",),
            ("balanced",) if name in {"unstructured", "filter"} else BALANCES,
            AXES if name == "block" else ("columns",),
        )
    ]
    return list({choice.label: choice for choice in made}.values())


def add(b: GraphBuilder, layer: Layer, name: str, *, is_read: bool) -> str:
    """The layer behind an input of its own; read by another where its filters may go."""
    if layer.op == "linear":
        y = b.linear(b.input((1, layer.shape[1]), f"x.{name}"), layer.shape[0], name=name)
    else:
        filters, channels, *kernel = layer.shape
        groups = {"conv": 1, "depthwise": filters, "grouped": 3}[layer.op]
        x = b.input((1, channels * groups, layer.size, layer.size), f"x.{name}")
        y = b.conv(x, filters, tuple(kernel), groups=groups, name=name, bias=True)
    if not is_read:
        return y
    y = b.add("relu", y, name=f"{name}/relu")
    if layer.op == "linear":
        return b.linear(y, 3, name=f"{name}/reader")
    return b.conv(y, 3, 3, name=f"{name}/reader")


def weight_of(layer: Layer, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(layer.shape).astype(np.float32)


def unit_of(choice: LayerChoice, shape: tuple[int, ...]) -> int:
    """Weights that can only go together, worked out again."""
    high = min(choice.block[0], shape[0])
    wide = min(choice.block[1], shape[1])
    return {
        "dense": 1,
        "unstructured": 1,
        "filter": prod(shape[1:]),
        "pattern": SETS[choice.patterns].entries * min(choice.group, shape[0])
        if choice.scheme == "pattern"
        else 0,
        "block_punched": high * wide,
        "block": {"columns": high, "rows": wide, "both": max(high, wide)}[choice.axes],
        "one_by_n": high * prod(shape[2:]),
    }[choice.scheme]


def check_promises(choice: LayerChoice, weight: np.ndarray, patterns: PatternSet) -> None:
    scheme = SCHEMES[choice.scheme]
    mask = scheme.mask(weight, choice, patterns)
    assert mask.shape == weight.shape
    assert mask.dtype == np.bool_
    assert mask.any()
    if choice.scheme != "dense":
        unit = unit_of(choice, weight.shape)
        missed = abs(int(mask.sum()) - weight.size / choice.rate)
        # a sixth digit of a rate such as 9 / 7 is not the mask's fault
        assert missed <= max(1.0, unit / 2) + 2e-5 * weight.size, choice.label
    assert np.array_equal(mask, scheme.mask(weight, choice, patterns)), "not reproducible"
    pruned = np.where(mask, weight, np.float32(0))
    again = scheme.mask(pruned, choice, patterns)
    assert np.array_equal(np.where(again, pruned, 0), pruned), "not idempotent"
    check_structure(mask, choice, patterns)


def check_structure(mask: np.ndarray, choice: LayerChoice, patterns: PatternSet) -> None:
    filters, channels = mask.shape[:2]
    high, wide = choice.block
    kernels = mask.reshape(filters, channels, -1)
    corners = list(product(range(0, filters, high), range(0, channels, wide)))
    if choice.scheme == "dense":
        assert mask.all()
    elif choice.scheme == "filter":
        assert np.array_equal(kernels.any((1, 2)), kernels.all((1, 2)))
    elif choice.scheme == "pattern":
        allowed = {tuple(row) for row in patterns.masks} | {(False,) * 9}
        assert {tuple(kernel) for kernel in kernels.reshape(-1, 9)} <= allowed
        for start in range(0, filters, choice.group):
            part = kernels[start : start + choice.group]
            assert (part == part[:1]).all(), "a group shares patterns and connectivity"
        whole = kernels[: filters // choice.group * choice.group : choice.group]
        counts = whole.any(2).sum(1)
        is_even = not counts.size or np.ptp(counts) <= 1
        assert is_even or not choice.is_balanced, "whole groups keep equally many kernels"
        if channels == 1:
            assert kernels.any(2).all(), "no filter loses its only kernel"
    elif choice.scheme == "block_punched":
        for row, column in corners:
            block = kernels[row : row + high, column : column + wide]
            assert (block == block[:1, :1]).all()
    elif choice.scheme == "block" and choice.axes != "columns":
        for row, column in corners:
            block = mask[row : row + high, column : column + wide]
            if choice.axes == "rows":
                assert np.array_equal(block.any(1), block.all(1))
            assert np.array_equal(block, np.outer(block.any(1), block.any(0)))
    elif choice.scheme in {"block", "one_by_n"}:
        for row in range(0, filters, high):
            band = kernels[row : row + high]
            assert (band == band[:1]).all()
            assert np.array_equal(band[0].any(1), band[0].all(1))


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("name", SCHEMES)
def test_scheme_keeps_its_promises(name: str, layer: Layer) -> None:
    b = GraphBuilder("one")
    graph = b.build(add(b, layer, "layer", is_read=True))
    node = graph.by_name["layer"]
    weight = graph.weights["layer.weight"].values
    scheme = SCHEMES[name]
    reason = scheme.legal(node, weight.shape)
    assert (reason is None) == (name in legal_schemes(graph, node))
    if reason is not None:
        assert reason and not reason.endswith(".")
        return
    possible = 0
    for choice in choices(name):
        entries = SETS[choice.patterns].entries if name == "pattern" else None
        problem = scheme.problem(weight.shape, choice, entries)
        if problem is None:
            check_promises(choice, weight, SETS.get(choice.patterns, SCPS))
            possible += 1
            continue
        assert not problem.endswith(".") and "\n" not in problem
        with pytest.raises(PlanError):
            scheme.mask(weight, choice, SETS[choice.patterns])
    assert possible, "a layer that a scheme takes has some rate"


def _choice_of(name: str) -> st.SearchStrategy[LayerChoice]:
    return st.builds(
        LayerChoice,
        st.just(name),
        st.floats(1.0, 20.0),
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        st.sampled_from(sorted(SETS)),
        st.integers(1, 12),
        balance=st.sampled_from(BALANCES),
        axes=st.sampled_from(AXES),
    )


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "dense"])
def test_promises_hold_for_any_shape_rate_block_and_set(name: str) -> None:
    sizes = st.integers(1, 30)

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(_choice_of(name), sizes, sizes, st.sampled_from([1, 3, 5]), st.integers(0, 2**31))
    def check(choice: LayerChoice, filters: int, channels: int, edge: int, seed: int) -> None:
        edge = 3 if name == "pattern" else edge
        shape = (filters, channels) if name == "block" else (filters, channels, edge, edge)
        patterns = SETS[choice.patterns]
        entries = patterns.entries if name == "pattern" else None
        if SCHEMES[name].problem(shape, choice, entries) is None:
            weight = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
            check_promises(choice, weight, patterns)

    check()


@pytest.mark.parametrize("name", [name for name in SCHEMES if name != "dense"])
def test_what_stays_is_what_weighs_most(name: str) -> None:
    """The kept share of energy beats that of a mask drawn for other weights."""
    layer = LAYERS[9] if name == "block" else LAYERS[0]
    weight, other = weight_of(layer), weight_of(layer, seed=1)
    scheme = SCHEMES[name]
    for balance, axes in product(BALANCES, AXES):
        choice = LayerChoice(name, 3.0, patterns="scp-4", balance=balance, axes=axes)
        ours = (weight[scheme.mask(weight, choice, SCPS)] ** 2).sum()
        theirs = (weight[scheme.mask(other, choice, SCPS)] ** 2).sum()
        assert ours > theirs


@pytest.mark.parametrize("name", ["block_punched", "one_by_n", "pattern"])
def test_unbalanced_units_compete_over_the_whole_layer(name: str) -> None:
    weight = weight_of(LAYERS[0])
    weight[:8] *= 8
    kept = {
        balance: SCHEMES[name].mask(
            weight, LayerChoice(name, 4.5, patterns="scp-4", balance=balance), SCPS
        )
        for balance in BALANCES
    }
    assert kept["balanced"][8:].any()
    assert not kept["unbalanced"][8:].any()


@dataclass(frozen=True)
class Bad:
    choice: LayerChoice
    layer: Layer
    words: str


BAD = (
    Bad(LayerChoice("pattern", 2.0, patterns="scp-4"), LAYERS[0], "4 of 9 weights is 2.25"),
    Bad(LayerChoice("pattern", 1.5, patterns="some-5"), LAYERS[0], "5 of 9 weights is 1.8"),
    Bad(LayerChoice("pattern", 4.0, patterns="scp-4"), LAYERS[5], "patterns alone are left"),
    Bad(LayerChoice("pattern", 900.0, patterns="scp-4"), LAYERS[0], "leaves none of 256 kernels"),
    Bad(LayerChoice("pattern", 4.0, patterns="lost"), LAYERS[0], "no pattern set 'lost'"),
    Bad(LayerChoice("pattern", 4.0), LAYERS[4], "3x3 kernels, these are 1x1"),
    Bad(LayerChoice("pattern", 4.0), LAYERS[9], "3x3 convolution, this is linear"),
    Bad(LayerChoice("filter", 64.0), LAYERS[0], "leaves none of 16 filters"),
    Bad(LayerChoice("unstructured", 1e5), LAYERS[0], "leaves nothing of 2304 weights"),
    Bad(LayerChoice("block_punched", 2.0), LAYERS[9], "needs a convolution, this is linear"),
    Bad(LayerChoice("block_punched", 2.0, (64, 64)), LAYERS[0], "64x64 is larger than its 16"),
    Bad(LayerChoice("block_punched", 300.0), LAYERS[0], "less than half of the 32 that only go"),
    Bad(LayerChoice("block_punched", 2.0, (31, 33)), LAYERS[4], "nothing to choose"),
    Bad(LayerChoice("block", 2.0), LAYERS[0], "fully connected layer, this is conv"),
    Bad(LayerChoice("block", 2.0, (32, 65)), LAYERS[9], "32x65 is larger than its 10 rows"),
    Bad(LayerChoice("one_by_n", 2.0, (20, 1)), LAYERS[0], "N = 20 is more than its 16 filters"),
    Bad(LayerChoice("one_by_n", 2.0), LAYERS[5], "read a single channel"),
    Bad(LayerChoice("blok", 2.0), LAYERS[0], "no scheme 'blok'"),
)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.choice.label}-{bad.layer}")
def test_impossible_choices_are_one_sentence_that_names_the_layer(bad: Bad) -> None:
    b = GraphBuilder("one")
    graph = b.build(add(b, bad.layer, "layer", is_read=True))
    with pytest.raises(PlanError) as caught:
        prune_graph(
            graph, Candidate.of({"layer": bad.choice}), pattern_sets=SETS | {"natural-8": SCPS}
        )
    message = str(caught.value)
    assert "'layer'" in message
    assert bad.words in message
    assert "\n" not in message


def compiled_cases() -> dict[str, tuple[Layer, LayerChoice]]:
    """Some choices of every scheme on every kind of layer, other ones on each."""
    cases = {}
    for (row, name), layer in product(enumerate(SCHEMES), LAYERS):
        b = GraphBuilder("one")
        graph = b.build(add(b, layer, "layer", is_read=True))
        if why_illegal(graph, graph.by_name["layer"], name) is not None:
            continue
        fitting = [
            choice
            for choice in choices(name)
            if SCHEMES[name].problem(
                layer.shape, choice, SETS[choice.patterns].entries if name == "pattern" else None
            )
            is None
        ]
        step = max(1, len(fitting) // 2)
        for choice in fitting[(row + layer.size) % step :: step][:2]:
            cases[f"{len(cases)}/{choice.label}/{layer}"] = (layer, choice)
    return cases


def check_packing(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Unpack whatever the compiler packs and compare; counts arrays by format."""
    seen: Counter[str] = Counter()

    def checked(name: str, pack: Callable[..., Any], same: Callable[..., bool]) -> Any:
        def wrapper(weight: np.ndarray, *args: Any, **more: Any) -> Any:
            packed = pack(weight, *args, **more)
            assert same(packed, weight, *args), name
            seen[name] += 1
            return packed

        return wrapper

    def same_grouped(packed: Any, weight: np.ndarray, order: np.ndarray, _width: int) -> bool:
        rows = np.unique(order)
        return np.array_equal(unpack_grouped(packed, weight.shape)[rows], weight[rows])

    for module in (blocked, compact, expand_depthwise, grouped):
        monkeypatch.setattr(module, "pack_grouped", checked("grouped", pack_grouped, same_grouped))
    for module in (pattern_strategy, pattern_rows, runs):
        monkeypatch.setattr(
            module,
            "pack_fkw",
            checked("fkw", pack_fkw, lambda p, w, *_: np.array_equal(unpack_fkw(p), w)),
        )
    monkeypatch.setattr(
        lower_linear,
        "pack_column_blocks",
        checked(
            "column_blocks",
            pack_column_blocks,
            lambda p, w, *_: np.array_equal(unpack_column_blocks(p, w.shape), w),
        ),
    )
    return seen


def test_compiled_layers_of_every_scheme_equal_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them in one program, at sizes around vectors; formats are unpacked again."""
    cases = compiled_cases()
    b = GraphBuilder("schemes")
    graph: Graph = b.build(
        *(
            add(b, layer, name, is_read=choice.scheme == "filter")
            for name, (layer, choice) in cases.items()
        )
    )
    candidate = Candidate.of({name: choice for name, (_, choice) in cases.items()})
    pruned = prune_graph(graph, candidate, pattern_sets=SETS)
    assert {node.name for node in prunable_layers(graph)} >= cases.keys()
    seen = check_packing(monkeypatch)
    inputs = random_inputs(pruned, seed=3)
    got = run_compiled(pruned, host_target(), inputs, tmp_path)
    for name, ours, theirs in zip(cases, got, run_torch(pruned, inputs), strict=True):
        assert relative_error(ours, theirs) <= 1e-4, name
    assert seen.keys() == {"grouped", "fkw", "column_blocks"}
