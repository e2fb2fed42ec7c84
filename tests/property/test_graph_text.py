"""Random graphs: the text form and the stored file give the same graph back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.ir import (
    Graph,
    GraphBuilder,
    Preprocessing,
    TensorType,
    Weight,
    parse_graph,
    print_graph,
    verify_graph,
)
from codegen.ir.ops import ACTIVATIONS
from codegen.ir.storage import load_graph, save_graph

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A chain with side branches, under any names, some weights masked."""
    names = draw(st.lists(NAMES, min_size=3, max_size=9, unique=True))
    b = GraphBuilder(draw(NAMES), seed=draw(st.integers(0, 9)))
    channels = draw(st.integers(1, 4))
    first = x = b.input((1, channels, draw(st.integers(1, 7)), draw(st.integers(1, 7))), names[0])
    for name in names[1:]:
        kind = draw(st.sampled_from(["conv", "norm", "activation", "add", "clip", "pad"]))
        if kind == "conv":
            x = b.conv(x, draw(st.integers(1, 4)), 3, name=name, bias=draw(st.booleans()))
        elif kind == "norm":
            x = b.batch_norm(x, name=name, epsilon=draw(st.floats(1e-9, 1.0)))
        elif kind == "add" and b.type_of(x) == b.type_of(first):
            x = b.add("add", x, first, name=name)
        elif kind == "clip":
            low = draw(st.floats(-9, 9))
            x = b.add("clip", x, name=name, low=low, high=low + 1)
        elif kind == "pad":
            x = b.add("pad", x, name=name, padding=tuple(draw(st.integers(0, 2)) for _ in "tlbr"))
        else:
            x = b.add(
                draw(st.sampled_from([a for a in ACTIVATIONS if "leaky" not in a])), x, name=name
            )
    scales = draw(st.none() | st.lists(st.floats(0.1, 2), min_size=channels, max_size=channels))
    graph = b.build(
        x,
        preprocessing=None if scales is None else Preprocessing((0.5,) * channels, tuple(scales)),
        classes=tuple(draw(st.lists(NAMES, max_size=3))),
    )
    rng = np.random.default_rng(0)
    masked = {
        key: Weight(weight.values, rng.random(weight.values.shape) < 0.5)
        for key, weight in graph.weights.items()
        if draw(st.booleans())
    }
    return graph.with_weights(masked)


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_the_text_form_reads_back_to_an_equal_graph(graph: Graph) -> None:
    text = print_graph(graph)
    back = parse_graph(text, graph.weights)
    assert print_graph(back) == text
    assert back == graph
    assert back.nodes == graph.nodes
    verify_graph(back)


@given(graphs())
@settings(max_examples=30, deadline=None)
def test_a_stored_graph_reads_back_to_an_equal_graph_with_masks(graph: Graph) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.safetensors"
        save_graph(graph, path)
        back = load_graph(path)
        assert [item.name for item in Path(folder).iterdir()] == [path.name]
    assert back == graph
    for key, weight in graph.weights.items():
        mask = back.weights[key].mask
        assert (mask is None) == (weight.mask is None)
        assert mask is None or np.array_equal(mask, weight.mask)


@given(st.lists(st.integers(1, 5000), max_size=5), st.sampled_from(["f32", "i8", "bf16"]))
def test_a_tensor_type_reads_back_from_its_text(shape: list[int], dtype: str) -> None:
    tensor_type = TensorType(tuple(shape), dtype)
    assert TensorType.parse(str(tensor_type)) == tensor_type
