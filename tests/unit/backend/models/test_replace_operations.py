"""NPAS phase 1 as a rewrite: what becomes what, what stays, and by how much it differs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backend.models.executor_ops import OPERATIONS
from backend.models.graph_module import GraphModule
from backend.models.hard_forms import HARD_FORMS
from backend.models.replace_operations import replace_operations, replaceable
from backend.models.zoo import build_model
from codegen.errors import GraphError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph
from codegen.ir.ops import ACTIVATIONS
from codegen.ir.passes import optimize

SOFT = {
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "mish": functional.mish,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "softplus": functional.softplus,
    "tanh": torch.tanh,
    "elu": functional.elu,
}
"""Torch's own functions: not the executor's, so that a wrong row there would show."""


def run(graph: Graph, x: Tensor) -> Tensor:
    with torch.no_grad():
        return GraphModule(graph).eval()(x)


def lone(op: str, shape: tuple[int, ...] = (1, 2, 40, 50), **attrs: float) -> Graph:
    """Input, the operation, and one more node, so that the operation is no output."""
    b = GraphBuilder("lone")
    y = b.add(op, b.input(shape), name="soft", **attrs)
    return b.build(b.add("neg", y, name="out"))


@pytest.mark.parametrize("op", HARD_FORMS)
def test_errors_of_the_table_are_those_that_are_measured(op: str) -> None:
    form = HARD_FORMS[op]
    x = torch.linspace(-8, 8, 160_000).reshape(1, 2, 400, 200)
    hard = -run(replace_operations(lone(op, (1, 2, 400, 200))), x)
    difference = (hard - SOFT[op](x)).double()
    weight = torch.exp(-(x.double() ** 2) / 2)
    rms = float(((weight * difference**2).sum() / weight.sum()).sqrt())
    assert float(difference.abs().max()) == pytest.approx(form.max_error, abs=2e-4)
    assert rms == pytest.approx(form.rms_error, abs=5e-4)


def test_every_activation_with_an_exponential_has_a_hard_form() -> None:
    cheap = {"relu", "relu6", "leaky_relu", "hard_sigmoid", "hard_swish"}
    assert set(HARD_FORMS) == set(ACTIVATIONS) - cheap
    assert not cheap & set(HARD_FORMS)
    assert all(form.op in OPERATIONS for form in HARD_FORMS.values())


def test_elu_is_cut_off_at_its_own_limit() -> None:
    graph = replace_operations(lone("elu", alpha=0.5))
    x = torch.linspace(-9, 9, 4000).reshape(1, 2, 40, 50)
    assert torch.equal(-run(graph, x), x.clamp(min=-0.5))


@pytest.mark.parametrize("op", HARD_FORMS)
@pytest.mark.parametrize("host", ["conv", "linear", "add"])
def test_fused_operations_become_what_separate_ones_become(op: str, host: str) -> None:
    b = GraphBuilder("host", 3)
    if host == "linear":
        x = b.input((1, 6))
        y = b.linear(x, 5, name="host")
    else:
        x = b.input((1, 4, 7, 7))
        y = b.conv(x, 5, 3, bias=True, name="host") if host == "conv" else x
        y = b.add("add", x, x, name="host") if host == "add" else y
    graph = b.build(b.add("neg", b.add(op, y, name="soft"), name="out"))
    fused = optimize(graph)
    assert any(node.attrs.get("activation") == op for node in fused.nodes)
    values = torch.randn(3, *graph.inputs[0][1].shape[1:], generator=torch.manual_seed(0)) * 3
    hard_fused = replace_operations(fused)
    assert not replaceable(hard_fused)
    wanted = run(replace_operations(graph), values)
    torch.testing.assert_close(run(hard_fused, values), wanted)
    torch.testing.assert_close(run(optimize(replace_operations(graph)), values), wanted)


def excited(outputs: bool = False) -> Graph:
    """Squeeze and excite by hand: silu inside, sigmoid gate, probabilities at the end."""
    b = GraphBuilder("se", 1)
    x = b.input((1, 8, 6, 6))
    y = b.add("global_average_pool", x, name="squeeze")
    y = b.add("silu", b.conv(y, 2, 1, bias=True, name="fc1"), name="act")
    y = b.add("sigmoid", b.conv(y, 8, 1, bias=True, name="fc2"), name="gate")
    x = b.add("mul", x, y, name="scale")
    x = b.add("flatten", b.add("global_average_pool", x, name="pool"), name="flat")
    x = b.linear(x, 3, name="fc")
    return b.build(b.add("sigmoid", x, name="probabilities") if outputs else x)


def test_squeeze_and_excite_gets_a_hard_gate() -> None:
    graph = excited()
    rows = {row.node: row for row in replaceable(graph)}
    assert list(rows) == ["act", "gate"]
    assert rows["gate"].is_gate
    assert not rows["act"].is_gate
    hard = replace_operations(graph)
    x = torch.randn(2, 8, 6, 6, generator=torch.manual_seed(1))
    weights = {key: torch.tensor(w.values) for key, w in graph.weights.items()}

    def conv(v: Tensor, name: str) -> Tensor:
        keys = graph.by_name[name].weights
        return functional.conv2d(v, weights[keys["weight"]], weights[keys["bias"]])

    gate = functional.hardsigmoid(
        conv(functional.hardswish(conv(x.mean((2, 3), keepdim=True), "fc1")), "fc2")
    )
    keys = graph.by_name["fc"].weights
    wanted = functional.linear(
        (x * gate).mean((2, 3)), weights[keys["weight"]], weights[keys["bias"]]
    )
    torch.testing.assert_close(run(hard, x), wanted)


def test_what_the_graph_returns_is_left_alone() -> None:
    graph = excited(outputs=True)
    assert "probabilities" not in {row.node for row in replaceable(graph)}
    assert replace_operations(graph).by_name["probabilities"].op == "sigmoid"


def test_skipped_layers_stay_and_unknown_ones_are_refused() -> None:
    graph = excited()
    hard = replace_operations(graph, skip=["gate"])
    assert (hard.by_name["act"].op, hard.by_name["gate"].op) == ("hard_swish", "sigmoid")
    with pytest.raises(GraphError, match="'fc1' is no operation that can be replaced.*act, gate"):
        replace_operations(graph, skip=["fc1"])
    with pytest.raises(GraphError, match="every replaceable operation is skipped"):
        replace_operations(graph, skip=["act", "gate"])
    with pytest.raises(GraphError, match="no operation has a hard form"):
        replace_operations(replace_operations(graph))


@pytest.mark.parametrize("name", ["efficientnet_b0", "mobilenet_v3_large"])
def test_zoo_nets_are_replaced_whole(name: str) -> None:
    graph = build_model(name, input_shape=(3, 32, 32), classes=5, width=0.25)
    if name == "mobilenet_v3_large":  # published with hard forms
        assert not replaceable(graph)
        return
    rows = replaceable(graph)
    assert sum(row.is_gate for row in rows) == 16
    counts = Counter(f"{row.op} -> {row.form.op}" for row in rows)
    assert counts == {"silu -> hard_swish": 49, "sigmoid -> hard_sigmoid": 16}
    hard = replace_operations(graph)
    assert hard.weights.keys() == graph.weights.keys()
    assert [node.name for node in hard.nodes] == [node.name for node in graph.nodes]
    assert not replaceable(hard)
    x = np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32)
    assert run(hard, torch.from_numpy(x)).isfinite().all()


def test_gelu_in_parts_is_one_operation() -> None:
    b = GraphBuilder("parts")
    x = b.input((1, 3, 4, 4))

    def number(value: float, name: str) -> str:
        return b.constant(np.array([value], np.float32), name=name)

    inner = b.add("erf", b.add("mul", x, number(0.5**0.5, "root"), name="in"), name="erf")
    gate = b.add("add", inner, number(1.0, "one"), name="gate")
    y = b.add("mul", x, gate, name="twice")
    y = b.add("mul", y, number(0.5, "half"), name="gelu")
    graph = b.build(b.add("neg", y, name="out"))
    assert [(row.node, row.op) for row in replaceable(graph)] == [("gelu", "gelu")]
    assert "erf" not in {node.op for node in replace_operations(graph).nodes}
