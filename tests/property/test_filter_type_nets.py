"""Random small nets: whatever a menu offers can be done, and says what it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.config.search_space import SpaceConfig
from backend.models.filter_types import FILTER_TYPES, replace_filter_types, replaced_parts
from backend.search.space import build_space
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import check_candidate, prune_graph
from backend.sparsity.report import achieved, overall_rate
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.verify import verify_graph

_MENU = SpaceConfig(
    filter_types=tuple(FILTER_TYPES),
    schemes=("filter", "pattern", "block_punched", "unstructured", "one_by_n"),
    rates=(2.0, 3.0, 10.0),
    pattern_rates=(2.25,),
    blocks=((4, 1), (8, 4)),
)


@st.composite
def nets(draw: st.DrawFn) -> Graph:
    """Chains of up to four convolutions with batch norm, activations, additions and strides."""
    b = GraphBuilder("random", draw(st.integers(0, 99)))
    size = (draw(st.integers(5, 12)), draw(st.integers(5, 12)))
    width = draw(st.integers(2, 9))
    x = b.conv(b.input((1, draw(st.integers(1, 4)), *size)), width, 3, name="stem")
    for index in range(draw(st.integers(1, 4))):
        groups = draw(st.sampled_from([1, 1, 1, width]))
        filters = width if groups > 1 else draw(st.sampled_from([width, width, width + 3]))
        kernel = draw(st.sampled_from([1, 3, 3, 5, (1, 3)]))
        stride = draw(st.sampled_from([1, 1, 2]))
        y = b.conv(
            x,
            filters,
            kernel,
            stride=stride,
            dilation=draw(st.sampled_from([1, 2])),
            padding=draw(st.sampled_from([None, None, 2])),
            groups=groups,
            bias=draw(st.booleans()),
            activation=draw(st.sampled_from(["none", "relu", "elu"])),
            name=f"c{index}",
        )
        if draw(st.booleans()):
            y = b.batch_norm(y, name=f"n{index}")
        if b.type_of(x) == b.type_of(y) and draw(st.booleans()):
            y = b.add("add", x, y, name=f"a{index}")
        x, width = y, filters
        if min(b.type_of(x).shape[2:]) < 3:
            break
    x = b.add("flatten", b.add("global_average_pool", x, name="gap"), name="flat")
    return b.build(b.linear(x, 3, name="fc"))


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(graph=nets(), seed=st.integers(0, 2**16))
def test_every_choice_of_a_menu_can_be_made(graph: Graph, seed: int) -> None:
    space = build_space(graph, _MENU)
    assert space.digest == build_space(graph, _MENU).digest
    random = np.random.default_rng(seed)
    for name, menu in space.menus:
        assert menu[0] == LayerChoice()
        assert len({choice.label for choice in menu}) == len(menu)
        assert [LayerChoice.parse(choice.label) for choice in menu] == list(menu)
        for choice in (menu[index] for index in random.permutation(len(menu))[:12]):
            candidate = Candidate.of({name: choice})
            assert Candidate.from_json(candidate.to_json()) == candidate
            check_candidate(graph, candidate)
            replaced, rest = replace_filter_types(graph, candidate)
            verify_graph(replaced)
            assert replaced.type_of("fc") == graph.type_of("fc")
            assert not rest.has_filter_types


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(graph=nets(), seed=st.integers(0, 2**16))
def test_whole_candidates_keep_the_nets_shape(graph: Graph, seed: int) -> None:
    space = build_space(graph, _MENU)
    random = np.random.default_rng(seed)
    for _ in range(3):
        labels = space.draw(random)
        candidate = space.candidate(labels)
        assert space.params(candidate) == labels
        pruned = prune_graph(graph, candidate)
        verify_graph(pruned)
        assert pruned.digest == prune_graph(graph, candidate).digest
        assert pruned.type_of("fc") == graph.type_of("fc")
        parts = replaced_parts(graph, candidate)
        assert {name for names in parts.values() for name in names} <= pruned.by_name.keys()
        assert parts.keys() <= pruned.by_name.keys()
        rates = achieved(pruned, candidate, graph)
        dense = sum(
            graph.weights[n.weights["weight"]].values.size
            for n in graph.nodes
            if n.op in {"conv", "linear"}
        )
        kept = sum(row.kept for row in rates)
        assert overall_rate(rates) * kept - dense < 1e-6 * dense
        assert all(np.isfinite(weight.values).all() for weight in pruned.weights.values())
