"""Every registered pass: same numbers, idempotent, verifier clean, zeros kept."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from backend.models.graph_module import GraphModule
from backend.models.zoo import MODELS, build_model
from codegen.ir import Graph, GraphBuilder, Weight, verify_graph
from codegen.ir.passes import INFERENCE_PASSES, Pass, optimize
from codegen.ir.passes.remove_dead_channels import remove_dead_channels

torch.set_num_threads(1)


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], Graph]


def randomised(graph: Graph, seed: int = 0) -> Graph:
    """Batch-norm statistics and biases away from their neutral start."""
    rng = np.random.default_rng(seed)
    changed = {}
    for key, weight in graph.weights.items():
        shape = weight.values.shape
        if key.endswith("running_var"):
            changed[key] = Weight(rng.uniform(0.3, 2.0, shape))
        elif len(shape) == 1:
            changed[key] = Weight(weight.values + 0.3 * rng.standard_normal(shape))
    return graph.with_weights(changed)


def zoo_case(name: str) -> Case:
    def make() -> Graph:
        return randomised(build_model(name, input_shape=(3, 32, 32), classes=5, width=0.25))

    return Case(name, make)


def residuals() -> Graph:
    """Convolution pairs, a chain of additions, an operand that is read twice."""
    b = GraphBuilder("residuals")
    x = b.input((1, 4, 6, 6))
    first = b.conv(x, 4, 3, name="first", bias=True)
    second = b.conv(x, 4, 1, name="second")
    y = b.add("add", second, first, name="pair")
    y = b.add("relu", y, name="pair.relu")
    third = b.conv(y, 4, 3, name="third")
    early = b.conv(x, 4, 3, name="early")
    late = b.add("tanh", y, name="late")
    z = b.add("add", early, late, name="residual made after the convolution")
    z = b.add("add", third, z, name="chain", activation="leaky_relu", alpha=0.1)
    twice = b.conv(z, 4, 3, name="twice")
    doubled = b.add("add", twice, twice, name="doubled")
    read_again = b.conv(doubled, 4, 1, name="read again")
    w = b.add("add", read_again, doubled, name="w")
    return b.build(b.add("mul", w, read_again, name="out"), read_again)


def batch_norms() -> Graph:
    """Norms after everything: conv, linear, another norm, an activation, a shared filter."""
    b = GraphBuilder("norms")
    x = b.input((1, 4, 5, 5))
    y = b.batch_norm(x, name="bn.first")
    y = b.conv(y, 6, 3, name="conv1", groups=2)
    y = b.batch_norm(y, name="bn1")
    y = b.batch_norm(y, name="bn2", epsilon=1e-3)
    y = b.add("silu", y, name="act")
    y = b.batch_norm(y, name="bn3")
    y = b.conv(y, 4, 1, name="conv2", bias=True)
    kept = y
    y = b.batch_norm(y, name="bn4")
    shared = {"weight": "conv2.weight", "bias": "conv2.bias"}
    z = b.add(
        "conv", b.batch_norm(b.conv(y, 6, 1, name="c3"), name="bn5"), name="s", weights=shared
    )
    z = b.batch_norm(z, name="bn6")
    z = b.add("flatten", b.add("global_average_pool", z, name="pool"), name="flat")
    z = b.batch_norm(b.linear(z, 3, name="fc"), name="bn7")
    return randomised(b.build(z, kept))


def transposed() -> Graph:
    """Transposed convolutions alone, before norms and activations, grouped, of rows; pads."""
    b = GraphBuilder("transposed", seed=3)
    x = b.input((1, 4, 5, 6))
    rows = b.input((1, 3, 9), "rows")
    random = np.random.default_rng(4)

    def up(source: str, name: str, *shape: int, **attrs: object) -> str:
        groups = attrs.get("groups", 1)
        keys = {
            "weight": b.weight(f"{name}.weight", random.standard_normal(shape)),
            "bias": b.weight(f"{name}.bias", random.standard_normal(shape[1] * groups)),
        }
        return b.add("conv_transpose", source, name=name, weights=keys, **attrs)  # type: ignore[arg-type]

    y = up(x, "up1", 4, 3, 3, 3, groups=2, stride=(2, 2), padding=(1, 1, 1, 1))
    y = b.add("relu", b.batch_norm(y, name="bn1"), name="act1")
    y = up(y, "up2", 6, 2, 4, 2, stride=(1, 3), dilation=(2, 1), output_padding=(0, 1))
    z = up(y, "up3", 2, 2, 1, 1)
    w = up(rows, "up4", 3, 2, 4, stride=(2,), dilation=(1,), padding=(1, 0), output_padding=(0,))
    y = b.add("pad", y, name="pad1", padding=(0, 1, 2, 0))
    y = b.add("pad", y, name="pad2", padding=(1, 0, 0, 0))
    y = b.conv(y, 3, 3, name="conv1", stride=2)
    kept = b.add("pad", y, name="pad3", padding=(1, 1, 1, 1), value=0.5)
    y = b.conv(kept, 3, 3, name="conv2")
    return randomised(b.build(y, z, b.add("tanh", w, name="act4")))


def rows() -> Graph:
    """A residual block of rows, each layer a picture between two reshapes; reshapes in chains."""
    b = GraphBuilder("rows", seed=2)
    x = b.input((1, 4, 9))

    def layer(source: str, name: str) -> str:
        wide = b.add("reshape", source, name=f"{name}/wide", shape=(1, 4, 1, 9))
        y = b.conv(wide, 4, (1, 3), name=name, bias=True)
        return b.add("reshape", y, name=f"{name}/row", shape=(1, 4, 9))

    y = b.add("relu", b.batch_norm(layer(x, "a"), name="bn"), name="act")
    z = b.add("add", layer(y, "b"), y, name="sum")
    z = b.add("relu", z, name="last")
    z = b.add("flatten", b.add("reshape", z, name="turn", shape=(1, 9, 4)), name="flat")
    z = b.add("tanh", b.add("reshape", z, name="again", shape=(1, 4, 9)), name="end")
    return randomised(b.build(z, b.add("reshape", x, name="same", shape=(1, 4, 9)), "a/row"))


def scales() -> Graph:
    """Constants multiplied and added behind layers and norms; some that must stay."""
    b = GraphBuilder("scales", seed=6)
    x = b.input((1, 3, 5, 4))
    random = np.random.default_rng(7)

    def const(name: str, *shape: int) -> str:
        return b.constant(random.uniform(0.5, 2.0, shape), name=name)

    y = b.add("add", b.conv(x, 4, 3, name="c1"), const("k1", 1, 4, 1, 1), name="bias")
    y = b.add("mul", const("k2", 4, 1, 1), y, name="scale")
    y = b.add("div", b.add("sub", y, const("k3", 1), name="sub"), const("k4", 4, 1, 1), name="div")
    y = b.add("relu", y, name="act")
    y = b.add("mul", b.batch_norm(y, name="bn"), const("k5", 4, 1, 1), name="gamma")
    y = b.add("add", y, const("k6", 4, 1, 1), name="beta")
    y = b.add("mul", y, const("k7", 5, 1), name="rows stay")
    z = b.add("div", const("k8", 1), b.conv(y, 4, 1, name="c2", bias=True), name="divided stays")
    z = b.add("mul", z, "k1", name="behind no layer")
    twice = b.conv(z, 4, 1, name="c3")
    w = b.add("mul", twice, "k1", name="read twice")
    z = b.add("add", w, twice, name="sum")
    z = b.add("flatten", b.add("global_average_pool", z, name="pool"), name="flat")
    z = b.add("add", b.linear(z, 3, name="fc", bias=False), const("k9", 3), name="fc bias")
    return randomised(b.build(b.add("mul", z, const("k10", 1, 1), name="end"), w))


def identities() -> Graph:
    """Nodes that do nothing, in chains and as output; and some that do something."""
    big = float(np.finfo(np.float32).max)
    b = GraphBuilder("identities")
    x = b.input((1, 2, 4, 4))
    y = b.add("identity", x, name="i1")
    y = b.add("dropout", y, name="i2", probability=0.9)
    y = b.add("pad", y, name="i3", padding=(0, 0, 0, 0), value=3.0)
    y = b.add("pad", y, name="real pad", padding=(1, 0, 0, 2), value=3.0)
    y = b.add("clip", y, name="i4", low=-big, high=big)
    y = b.add("clip", y, name="real clip", low=-0.5, high=0.5)
    y = b.add("max_pool", y, name="i5", kernel=(1, 1))
    y = b.add("concat", y, name="i6")
    y = b.add("concat", y, y, name="real concat")
    y = b.add("flatten", y, name="flat")
    y = b.add("reshape", y, name="i7", shape=b.type_of(y).shape)
    return b.build(b.add("identity", y, name="out"), b.add("identity", x, name="copy"))


def hard_gates() -> Graph:
    """Hard sigmoids and swishes in parts, in every order; and some that are none."""
    b = GraphBuilder("hard gates")
    x = b.input((1, 3, 4, 5))
    three, six = (b.constant(np.full(1, value), name=f"n{value}") for value in (3.0, 6.0))
    sixth = b.constant(np.full(1, 1 / 6), name="sixth")
    y = b.conv(x, 3, 1, name="host")
    clip = b.add("clip", b.add("add", y, three, name="s1"), name="c1", low=0.0, high=6.0)
    y = b.add("div", b.add("mul", y, clip, name="m1"), six, name="swish1")
    clip = b.add("relu6", b.add("add", three, y, name="s2"), name="c2")
    z = b.add("mul", b.add("mul", clip, sixth, name="gate2"), y, name="swish2")
    clip = b.add("relu6", b.add("add", z, three, name="s3"), name="c3")
    gate = b.add("div", clip, six, name="gate3")
    w = b.add("mul", gate, x, name="scaled")
    clip = b.add("clip", b.add("add", w, six, name="s4"), name="c4", low=0.0, high=6.0)
    none = b.add("mul", b.add("mul", clip, sixth, name="gate4"), w, name="none")
    return b.build(none, b.add("div", six, clip, name="turned"))


def gelus() -> Graph:
    """Gelus in parts as torch and others write them, one of another scale, one read inside."""
    b = GraphBuilder("gelus")
    x = b.conv(b.input((1, 3, 4, 4)), 4, 1, name="conv")
    half, one = b.constant([0.5], name="half"), b.constant([1.0], name="one")
    outputs = []
    for index, (op, number) in enumerate((("div", 2**0.5), ("mul", 0.5**0.5), ("div", 1.5))):
        scaled = b.add(op, x, b.constant([number], name=f"root{index}"), name=f"scaled{index}")
        gate = b.add("add", b.add("erf", scaled, name=f"erf{index}"), one, name=f"gate{index}")
        if index:
            gate = b.add("mul", half, gate, name=f"half gate{index}")
        y = b.add("mul", x, gate, name=f"gated{index}")
        outputs.append(y if index else b.add("mul", y, half, name="end"))
    cube = b.add("pow", x, b.constant([3.0], name="three"), name="cube")
    cubes = (cube, b.add("mul", b.add("mul", x, x, name="square"), x, name="other cube"))
    for index, cube in enumerate(cubes):
        small = b.add(
            "mul", cube, b.constant([0.044715], name=f"part{index}"), name=f"small{index}"
        )
        total = b.add("add", x, small, name=f"total{index}")
        root = b.constant([(2 / np.pi) ** 0.5], name=f"constant{index}")
        bent = b.add("tanh", b.add("mul", total, root, name=f"bent{index}"), name=f"tanh{index}")
        gate = b.add("add", bent, one, name=f"bent gate{index}")
        y = b.add("mul", b.add("mul", x, half, name=f"half{index}"), gate, name=f"bend{index}")
        outputs.append(y)
    return b.build(*outputs, "gate1")


def constants() -> Graph:
    """A subgraph of constants, one constant that overflows, one nobody reads."""
    b = GraphBuilder("constants")
    x = b.input((1, 3, 4, 4))
    c = b.constant(np.arange(3.0).reshape(1, 3, 1, 1) + 1, name="c")
    d = b.constant(np.full((1, 3, 1, 1), 2.0), name="d")
    b.constant(np.ones(1), name="unread")
    e = b.add("add", c, d, name="e", activation="relu6")
    e = b.add("div", e, d, name="f")
    e = b.add("hard_swish", b.add("pad", e, name="g", padding=(1, 1, 2, 2)), name="h")
    e = b.add("softmax", e, name="soft", axis=1)
    zero = b.constant(np.zeros((1, 3, 1, 1)), name="zero")
    infinite = b.add("div", c, zero, name="infinite")
    y = b.add("mul", x, e, name="scaled")
    return b.build(b.add("clip", b.add("add", y, infinite, name="s"), name="o", low=-9.0, high=9.0))


def dead_channels() -> Graph:
    """Unread channels before sums, gates, joins, depthwise layers and reshapes; some that stay."""
    b = GraphBuilder("dead channels", seed=9)
    random = np.random.default_rng(10)
    x = b.input((1, 3, 6, 6))
    y = b.batch_norm(b.conv(x, 8, 3, name="c1", bias=True), name="bn1")
    y = b.add("relu", y, name="r1")
    z = b.batch_norm(b.conv(y, 8, 3, name="c2"), name="bn2")
    y = b.add("add", y, z, name="sum")
    y = b.add("mul", y, b.constant(random.uniform(0.5, 2, (8, 1, 1)), name="k"), name="scaled")
    gate = b.conv(b.add("global_average_pool", y, name="pool"), 8, 1, name="gate", bias=True)
    y = b.add("mul", y, b.add("sigmoid", gate, name="open"), name="gated")
    expand = b.conv(y, 10, 1, name="expand")
    wide = b.add("relu6", b.batch_norm(expand, name="bn3"), name="r3")
    wide = b.conv(wide, 10, 3, name="depthwise", groups=10, bias=True)
    y = b.add("concat", b.conv(wide, 4, 1, name="project"), y, name="joined")
    y = b.add("max_pool", y, name="down", kernel=(2, 2), stride=(2, 2))
    kept = b.conv(b.conv(y, 6, 1, name="shown"), 6, 1, name="grouped", groups=2)
    fields = {"scales": (1.0, 1.0, 2.0, 2.0), "mode": "nearest"}
    up = b.add("resize", b.conv(y, 6, 1, name="c5"), name="up", shape=(1, 6, 6, 6), **fields)
    y = b.conv(b.add("reshape", up, name="turn", shape=(1, 6, 4, 9)), 5, 3, name="c6")
    y = b.add("flatten", y, name="flat")
    y = b.linear(b.add("relu", b.linear(y, 7, name="fc1"), name="r7"), 4, name="fc2")
    graph = randomised(b.build(y, kept, "shown"))
    unread = {
        # what is read nowhere: 2 and 5 of the sum, 1 and 4 of the expansion, ...
        "c2": (2, 5), "gate": (2, 5), "expand": (2, 5), "project": (1, 4), "c5": (0, 6, 9),
        "shown": (0, 6, 9), "c6": (3,), "fc2": (0, 1, 2, 3, 4, 5, 6),
    }  # fmt: skip
    changed = {}
    for name, channels in unread.items():
        values = graph.weights[f"{name}.weight"].values.copy()
        values[:, channels] = 0
        changed[f"{name}.weight"] = Weight(values, values != 0)
    last = graph.weights["fc1.weight"].values.copy()
    last[:, 2 * 36 : 3 * 36] = 0
    return graph.with_weights(changed | {"fc1.weight": Weight(last)})


CASES = (
    Case("dead_channels", dead_channels),
    Case("residuals", residuals),
    Case("batch_norms", batch_norms),
    Case("identities", identities),
    Case("transposed", transposed),
    Case("rows", rows),
    Case("scales", scales),
    Case("constants", constants),
    Case("gelus", gelus),
    Case("hard_gates", hard_gates),
    *(zoo_case(name) for name in MODELS if not name.startswith("vgg16")),
)
_GRAPHS: dict[str, Graph] = {}


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def graph(request: pytest.FixtureRequest) -> Graph:
    case: Case = request.param
    if case.name not in _GRAPHS:
        _GRAPHS[case.name] = case.make()
    return _GRAPHS[case.name]


def outputs(graph: Graph) -> list[torch.Tensor]:
    torch.manual_seed(1)
    shapes = [tensor_type.shape[1:] for _, tensor_type in graph.inputs]
    with torch.inference_mode():
        values = (
            GraphModule(graph)
            .eval()
            .forward_values(*(torch.randn(2, *shape) for shape in shapes), names=graph.outputs)
        )
    return [values[name] for name in graph.outputs]


def assert_same_numbers(left: Graph, right: Graph) -> None:
    for a, b in zip(outputs(left), outputs(right), strict=True):
        scale = a.abs().max().clamp(min=1e-6)
        assert (a - b).abs().max() / scale < 2e-5


@pytest.mark.parametrize("rewrite", INFERENCE_PASSES, ids=lambda p: p.__name__)
def test_a_pass_keeps_the_numbers_and_the_rules_and_is_idempotent(
    rewrite: Pass, graph: Graph
) -> None:
    after = rewrite(graph)
    verify_graph(after)
    assert rewrite(after) == after
    if after != graph:
        assert_same_numbers(graph, after)


def test_optimize_keeps_the_numbers_and_needs_one_round(graph: Graph) -> None:
    after = optimize(graph)
    assert_same_numbers(graph, after)
    assert optimize(after) == after


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2", "efficientnet_b0"])
def test_nothing_but_layers_pools_and_gates_is_left_of_a_base_model(name: str) -> None:
    after = optimize(build_model(name, input_shape=(3, 32, 32), classes=5, width=0.25))
    left = {node.op for node in after.nodes}
    assert left <= {"conv", "linear", "global_average_pool", "flatten", "mul"}


def test_biases_and_scales_of_exporters_leave_layers_alone() -> None:
    names = {node.name for node in optimize(scales()).nodes}
    assert not names & {"bias", "scale", "sub", "div", "gamma", "beta", "fc bias", "end"}
    assert {"rows stay", "divided stays", "behind no layer", "read twice"} <= names


def test_a_residual_block_of_rows_is_two_convolutions_between_reshapes() -> None:
    graph = rows()
    graph = replace(graph, outputs=graph.outputs[:1]).with_nodes(
        node for node in graph.nodes if node.name != "same"
    )
    ops = [node.op for node in optimize(graph).nodes]
    assert ops == ["reshape", "conv", "conv", "tanh", "reshape"]


def test_hard_gates_in_parts_become_one_and_are_fused() -> None:
    after = optimize(hard_gates())
    assert after.by_name["host"].text("activation") == "hard_swish"
    assert after.by_name["swish2"].op == "hard_swish"
    assert after.by_name["gate3"].op == "hard_sigmoid"
    assert after.by_name["none"].op == "mul"
    assert "c1" not in after.by_name


def test_a_gelu_in_parts_becomes_one_and_is_fused() -> None:
    after = optimize(gelus())
    assert after.by_name["end"].op == "gelu"
    assert after.by_name["gated1"].op == "gelu"
    assert after.by_name["gated2"].op == "mul"
    assert after.by_name["bend0"].op == after.by_name["bend1"].op == "gelu_tanh"


def test_masks_and_zeros_survive_folding() -> None:
    graph = build_model("resnet8", input_shape=(1, 12, 12), classes=3)
    key = "layer2.0.conv1.weight"
    mask = np.random.default_rng(3).random(graph.weights[key].values.shape) < 0.3
    pruned = randomised(graph.with_weights({key: Weight(graph.weights[key].values, mask)}))
    after = optimize(pruned).weights[key]
    assert after.mask is not None
    assert np.array_equal(after.mask, mask)
    assert np.array_equal(after.values != 0, pruned.weights[key].values != 0)


def test_a_residual_is_made_before_the_convolution_that_adds_it() -> None:
    after = optimize(residuals())
    order = [node.name for node in after.nodes]
    early = after.by_name["early"]
    assert early.inputs == ("input", "late")
    assert order.index("late") < order.index("early")
    assert after.by_name["third"].inputs == (after.by_name["third"].inputs[0], "early")
    assert after.by_name["third"].text("activation") == "leaky_relu"


def test_channels_that_nothing_reads_are_taken_away() -> None:
    before = dead_channels()
    after = remove_dead_channels(before)
    shapes = {key: weight.values.shape for key, weight in after.weights.items()}
    assert shapes["c1.weight"] == (6, 3, 3, 3)
    assert shapes["c2.weight"] == (6, 6, 3, 3)
    assert shapes["bn1.running_var"] == shapes["bn2.running_var"] == (6,)
    assert shapes["k"] == (6, 1, 1)
    assert shapes["gate.weight"] == (6, 6, 1, 1)
    assert shapes["expand.weight"] == (8, 6, 1, 1)
    assert shapes["depthwise.weight"] == (8, 1, 3, 3)
    assert after.by_name["depthwise"].integer("groups") == 8
    # 0 of the projection goes, 6 and 9 of the join are 2 and 5 of the sum
    assert shapes["project.weight"] == (3, 8, 1, 1)
    assert shapes["shown.weight"] == (6, 9, 1, 1), "an output keeps its channels"
    assert after.by_name["turn"].type.shape == (1, 5, 4, 9)
    assert shapes["fc1.weight"] == (1, 4 * 36), "one channel stays where all are unread"
    assert after.weights["expand.weight"].mask is not None


def test_two_readers_must_both_leave_a_channel_alone() -> None:
    b = GraphBuilder("readers")
    y = b.conv(b.input((1, 2, 4, 4)), 4, 1, name="made")
    graph = b.build(b.conv(y, 2, 1, name="left"), b.conv(y, 2, 1, name="right"))
    left, right = (graph.weights[f"{name}.weight"].values.copy() for name in ("left", "right"))
    left[:, 0] = right[:, 1] = left[:, 3] = right[:, 3] = 0
    graph = graph.with_weights({"left.weight": Weight(left), "right.weight": Weight(right)})
    after = remove_dead_channels(graph)
    assert after.weights["made.weight"].values.shape == (3, 2, 1, 1)
    assert_same_numbers(graph, after)


def test_a_filter_that_nobody_reads_reads_nothing_itself() -> None:
    """The last layer ignores a channel: what only that channel's filter reads goes as well."""
    b = GraphBuilder("chain")
    y = b.conv(b.input((1, 3, 4, 4)), 5, 1, name="first")
    graph = b.build(b.conv(b.conv(y, 4, 1, name="second"), 2, 1, name="third"))
    second, third = (graph.weights[f"{n}.weight"].values.copy() for n in ("second", "third"))
    second[:3, 4] = third[:, 3] = 0
    graph = graph.with_weights({"second.weight": Weight(second), "third.weight": Weight(third)})
    after = remove_dead_channels(graph)
    assert after.weights["first.weight"].values.shape == (4, 3, 1, 1)
    assert_same_numbers(graph, after)


def test_bands_of_filters_that_share_positions_are_not_torn() -> None:
    """Two filters at a time share what they read: one of them stays though nobody reads it."""
    b = GraphBuilder("bands")
    y = b.conv(b.input((1, 6, 4, 4)), 6, 3, name="made")
    graph = b.build(b.conv(y, 2, 1, name="reader"))
    made, reader = (graph.weights[f"{name}.weight"].values.copy() for name in ("made", "reader"))
    for band in range(3):
        made[2 * band : 2 * band + 2, 2 * band] = 0
    reader[:, 1] = 0
    graph = graph.with_weights({"made.weight": Weight(made), "reader.weight": Weight(reader)})
    assert remove_dead_channels(graph) is graph
    reader[:, 0] = 0
    graph = graph.with_weights({"reader.weight": Weight(reader)})
    after = remove_dead_channels(graph)
    assert after.weights["made.weight"].values.shape == (4, 6, 3, 3), "a whole band goes"
    assert_same_numbers(graph, after)
