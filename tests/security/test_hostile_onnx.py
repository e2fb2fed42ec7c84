"""A thousand mutated ONNX files: each is refused in one sentence or is a valid graph."""

from __future__ import annotations

import random
from collections.abc import Callable

import onnx
import pytest

from backend.models.zoo import build_model
from codegen.errors import ImportRefusedError
from codegen.exchange.onnx_exporter import export_onnx
from codegen.exchange.onnx_importer import import_onnx
from codegen.ir import GraphBuilder, verify_graph
from codegen.ir.passes import optimize

MUTANTS = {"resnet8": 220, "mobilenet_v3": 60, "shapes": 220}
"""Of each kind; 1,000 in all."""
_NUMBERS = (-(2**63), -1, 0, 1, 2, 7, 2**16, 2**31 - 1, 2**31, 2**62)
_TEXTS = ("", "\n", "*/", "../../x", "input", "x" * 50_000, "\u202e", "Conv", "If", "If\0")


def shapes_and_pools() -> bytes:
    b = GraphBuilder("shapes")
    x = b.input((1, 3, 9, 9))
    x = b.add("max_pool", x, name="max", kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1))
    x = b.add("pad", x, name="pad", padding=(1, 0, 0, 1), value=1.0)
    x = b.add("clip", x, name="clip", low=-1.0, high=1.0)
    x = b.add("concat", x, x, name="both", axis=1)
    x = b.add("reshape", x, name="reshape", shape=(1, 6, 36))
    x = b.add("flatten", x, name="flat")
    return export_onnx(b.build(b.add("softmax", b.linear(x, 3, name="fc"), name="out")))


SEEDS: dict[str, Callable[[], bytes]] = {
    "resnet8": lambda: export_onnx(build_model("resnet8", input_shape=(1, 8, 8), width=0.5)),
    "mobilenet_v3": lambda: export_onnx(
        build_model("mobilenet_v3_large", input_shape=(3, 16, 16), width=0.1)
    ),
    "shapes": shapes_and_pools,
}


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat or splice bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(changed))
        kind = rng.randrange(4)
        if kind == 0:
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del changed[place : place + rng.randint(1, 64)]
        elif kind == 2:
            changed[place:place] = changed[place : place + rng.randint(1, 64)]
        else:
            changed[place] = rng.randrange(256)
    return bytes(changed)


def mutate_fields(data: bytes, rng: random.Random) -> bytes:
    """Forge fields of the parsed model: sizes, names, operators, links, versions."""
    model = onnx.load_from_string(data)
    for _ in range(rng.randint(1, 3)):
        _forge(model, rng)
    return model.SerializeToString()


def _forge(model: onnx.ModelProto, rng: random.Random) -> None:
    graph = model.graph
    node, tensor = rng.choice(graph.node), rng.choice(graph.initializer)
    attributes = [item for n in graph.node for item in n.attribute]
    kind = rng.randrange(12)
    if kind == 0 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(_NUMBERS)
    elif kind == 1:
        tensor.data_type = rng.randrange(-2, 30)
    elif kind == 2:
        tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
    elif kind == 3:
        node.op_type = rng.choice([n.op_type for n in graph.node] + list(_TEXTS))
    elif kind == 4:
        node.name = rng.choice(_TEXTS)
    elif kind == 5 and node.input:
        names = [*(n.name for n in graph.node), *(t.name for t in graph.initializer), *_TEXTS]
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif kind == 6 and node.input:
        del node.input[rng.randrange(len(node.input))]
    elif kind == 7 and attributes:
        attribute = rng.choice(attributes)
        attribute.i = rng.choice(_NUMBERS)
        attribute.ints.append(rng.choice(_NUMBERS))
        attribute.f = rng.choice((float("nan"), float("inf"), -1.0, 1e38))
    elif kind == 8 and attributes:
        rng.choice(attributes).type = rng.randrange(15)
    elif kind == 9 and attributes:
        attribute = rng.choice(attributes)
        for index in range(len(attribute.ints)):
            attribute.ints[index] = rng.choice(_NUMBERS)
    elif kind == 10:
        dims = graph.input[0].type.tensor_type.shape.dim
        dims[rng.randrange(len(dims))].dim_value = rng.choice(_NUMBERS)
    else:
        graph.node.insert(rng.randrange(len(graph.node)), node)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_fields], ids=["bytes", "fields"])
def test_no_mutant_crashes_the_importer(
    seed: str, mutate: Callable[[bytes, random.Random], bytes]
) -> None:
    data = SEEDS[seed]()
    rng = random.Random(f"{seed}{mutate.__name__}")  # noqa: S311
    refused = 0
    for _ in range(MUTANTS[seed]):
        mutant = mutate(data, rng)
        try:
            graph = import_onnx(mutant, name="mutant")
        except ImportRefusedError as error:
            refused += 1
            text = str(error)
            assert text
            assert text.isprintable()
        else:
            verify_graph(graph)
            optimize(graph)
    assert refused > MUTANTS[seed] // 10
