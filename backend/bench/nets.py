"""The nets of `punchcard bench`: base models with random weights, dense and pruned, as data.

All are built from the zoo, so anyone makes the same ones from nothing. Batch norm is folded first:
every engine then gets the same convolutions with the same zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import numpy as np

from backend.bench.errors import BenchError
from backend.models.zoo import build_model
from backend.sparsity.candidate import Candidate, LayerChoice
from backend.sparsity.prune import prunable_layers, prune_graph
from codegen.ir.graph import Graph
from codegen.ir.node import Node
from codegen.ir.passes.fold_batch_norm import fold_batch_norm
from codegen.ir.passes.remove_identities import remove_identities
from codegen.ir.weight import Weight

Shape = tuple[int, ...]
Rule = Callable[[Node, Shape], LayerChoice | None]

PATTERNS = "natural-8"
RATE_3X3 = 8.1  # 4 of 9 positions and 3.6x connectivity, as PatDNN's and NPAS's tables have it
GROUP = 8  # filters that share what they keep
_PICTURE_CHANNELS = 3
_SMALLEST = 16  # layers with fewer filters or channels stay dense


def shared_by_groups(
    node: Node, shape: Shape, *, pointwise: float, linear: float
) -> LayerChoice | None:
    """3x3 layers at 8.1x with patterns shared by 8 filters; 1x1 and linear layers in blocks of 8.

    The first layer, depthwise layers and a rate of 1 stay dense.
    """
    if _groups(node) != 1 or shape[1] == _PICTURE_CHANNELS or shape[0] % GROUP:
        return None
    if node.op == "conv" and shape[2:] == (3, 3):
        return LayerChoice("pattern", RATE_3X3, patterns=PATTERNS, group=GROUP)
    if prod(shape[2:]) != 1 or min(shape[:2]) < _SMALLEST:
        return None
    rate = linear if node.op == "linear" else pointwise
    scheme = "block" if node.op == "linear" else "block_punched"
    return None if rate == 1 else LayerChoice(scheme, rate, block=(GROUP, 1))


def per_filter(node: Node, shape: Shape) -> LayerChoice | None:
    """PatDNN's own form: each filter its patterns and connectivity; all else 5x unstructured."""
    if _groups(node) != 1:
        return None
    if shape[1] == _PICTURE_CHANNELS:
        return (
            LayerChoice("pattern", 2.25, patterns=PATTERNS, group=1)
            if shape[2:] == (3, 3)
            else None
        )
    if node.op == "conv" and shape[2:] == (3, 3):
        return LayerChoice("pattern", RATE_3X3, patterns=PATTERNS, group=1)
    return LayerChoice("unstructured", 5.0)


@dataclass(frozen=True)
class BenchNet:
    """One net of the benchmark.

    Attributes:
        name: what commands and tables call it.
        model: its base model in the zoo.
        rule: what each layer is pruned by; None: dense.
        note: what it stands for, in a line.
    """

    name: str
    model: str
    rule: Rule | None
    note: str

    @property
    def dense_name(self) -> str:
        """Name of the same net without pruning: what dense engines run."""
        return self.name.split("-")[0]


def _groups_rule(pointwise: float = 1, linear: float = 1) -> Rule:
    return partial(shared_by_groups, pointwise=pointwise, linear=linear)


_NETS = (
    BenchNet("vgg16", "vgg16", None, "dense"),
    BenchNet("resnet50", "resnet50", None, "dense"),
    BenchNet("resnet18", "resnet18", None, "dense"),
    BenchNet("mobilenetv2", "mobilenet_v2", None, "dense"),
    BenchNet("efficientnetb0", "efficientnet_b0", None, "dense"),
    BenchNet("vgg16-g8", "vgg16", _groups_rule(linear=8), "3x3 8.1x, FC 8x, groups of 8"),
    BenchNet("resnet50-g8", "resnet50", _groups_rule(4, 4), "3x3 8.1x, 1x1 and FC 4x, groups of 8"),
    BenchNet("resnet18-g8", "resnet18", _groups_rule(), "3x3 8.1x, groups of 8"),
    BenchNet("mobilenetv2-b3x", "mobilenet_v2", _groups_rule(3), "1x1 3x, blocks of 8 filters"),
    BenchNet("mobilenetv2-b5x", "mobilenet_v2", _groups_rule(5), "1x1 5x, blocks of 8 filters"),
    BenchNet("vgg16-pat8all", "vgg16", per_filter, "3x3 8.1x per filter, rest 5x unstructured"),
    BenchNet("resnet50-pat8all", "resnet50", per_filter, "3x3 8.1x per filter, rest 5x unstr."),
    BenchNet("resnet18-pat8all", "resnet18", per_filter, "3x3 8.1x per filter, rest 5x unstr."),
)

NETS = {net.name: net for net in _NETS}


def named_nets(names: str) -> tuple[BenchNet, ...]:
    """Nets of a comma list, in its order; `all` and `sparse` and `dense` name several.

    Raises:
        BenchError: a name is unknown.
    """
    found: list[BenchNet] = []
    for name in (part.strip() for part in names.split(",")):
        if name in ("all", "sparse", "dense"):
            found += [n for n in _NETS if name == "all" or (n.rule is None) == (name == "dense")]
        elif name in NETS:
            found.append(NETS[name])
        else:
            msg = f"there is no benchmark net {name!r}: take {', '.join(NETS)}, or all"
            raise BenchError(msg)
    return tuple(dict.fromkeys(found))


def build_net(net: BenchNet, *, input_shape: tuple[int, int, int] | None = None) -> Graph:
    """Build a net: He-normal weights from a fixed seed, batch norm folded, pruned, rescaled.

    Pruned weights are multiplied so that their spread stays what it was, layer by layer; without
    that, activations vanish with depth and no comparison of outputs would mean anything.

    Args:
        net: which.
        input_shape: (channels, height, width) instead of 3 x 224 x 224.
    """
    graph = build_model(net.model, input_shape=input_shape)
    graph = replace(fold_batch_norm(remove_identities(graph)), name=net.name)
    if net.rule is None:
        return graph
    choices = {}
    for node in prunable_layers(graph):
        choice = net.rule(node, graph.weights[node.weights["weight"]].values.shape)
        if choice is not None:
            choices[node.name] = choice
    pruned = prune_graph(graph, Candidate.of(choices))
    changed = {}
    for name in choices:
        key = pruned.by_name[name].weights["weight"]
        before, after = graph.weights[key].values, pruned.weights[key]
        spread = float(np.sqrt(np.square(after.values, dtype=np.float64).mean()))
        scale = np.float32(float(before.std(dtype=np.float64)) / max(spread, 1e-9))
        changed[key] = Weight(after.values * scale, after.mask)
    return pruned.with_weights(changed)


def _groups(node: Node) -> int:
    return node.integer("groups") if node.op == "conv" else 1
