"""The base models: name, size, classes and width in, a graph out. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backend.models.efficientnet import efficientnet_b0
from backend.models.mobilenet_v2 import mobilenet_v2, mobilenet_v2_05
from backend.models.mobilenet_v3 import mobilenet_v3_large
from backend.models.resnet import resnet
from backend.models.resnet_cifar import resnet_cifar
from backend.models.state import load_state
from backend.models.vgg import vgg16, vgg16_cifar, vgg_small
from codegen.errors import GraphError
from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph, Preprocessing
from codegen.ir.storage import load_graph

__all__ = [
    "MODELS",
    "ModelCard",
    "build_model",
    "has_trained_weights",
    "load_model",
    "load_state",
    "trained_model",
]

WEIGHTS_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "weights"
IMAGENET_NORMALISATION = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

Architecture = Callable[[GraphBuilder, str, int, float], str]
"""Adds a net behind an input value: (builder, input, classes, width) to the logits' name."""


@dataclass(frozen=True)
class ModelCard:
    """One base model.

    Attributes:
        name: what commands and files call it.
        title: what people call it.
        family: file of `backend.models` that builds it.
        builder: adds its nodes to a graph builder.
        input_shape: (channels, height, width) it was published for.
        classes: number of classes it was published for.
    """

    name: str
    title: str
    family: str
    builder: Architecture
    input_shape: tuple[int, int, int]
    classes: int


_CIFAR, _IMAGENET = ((3, 32, 32), 10), ((3, 224, 224), 1000)


def _card(
    name: str,
    title: str,
    family: str,
    builder: Architecture,
    published: tuple[tuple[int, int, int], int],
) -> ModelCard:
    return ModelCard(name, title, family, builder, *published)


_CARDS = (
    _card("resnet8", "ResNet-8", "resnet_cifar", partial(resnet_cifar, depth=8), _CIFAR),
    _card("resnet20", "ResNet-20", "resnet_cifar", partial(resnet_cifar, depth=20), _CIFAR),
    _card("resnet56", "ResNet-56", "resnet_cifar", partial(resnet_cifar, depth=56), _CIFAR),
    _card("vgg_small", "VGG-small", "vgg", vgg_small, _CIFAR),
    _card("vgg16_cifar", "VGG-16 with batch norm (CIFAR)", "vgg", vgg16_cifar, _CIFAR),
    _card("vgg16", "VGG-16 (ImageNet)", "vgg", vgg16, _IMAGENET),
    _card(
        "resnet18",
        "ResNet-18",
        "resnet",
        partial(resnet, blocks=(2, 2, 2, 2), bottleneck=False),
        _IMAGENET,
    ),
    _card(
        "resnet50",
        "ResNet-50",
        "resnet",
        partial(resnet, blocks=(3, 4, 6, 3), bottleneck=True),
        _IMAGENET,
    ),
    _card("mobilenet_v2", "MobileNetV2", "mobilenet_v2", mobilenet_v2, _IMAGENET),
    _card("mobilenet_v2_05", "MobileNetV2 0.5", "mobilenet_v2", mobilenet_v2_05, _IMAGENET),
    _card(
        "mobilenet_v3_large",
        "MobileNetV3-Large",
        "mobilenet_v3",
        mobilenet_v3_large,
        _IMAGENET,
    ),
    _card("efficientnet_b0", "EfficientNet-B0", "efficientnet", efficientnet_b0, _IMAGENET),
)

MODELS: dict[str, ModelCard] = {card.name: card for card in _CARDS}


def build_model(
    name: str,
    *,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    width: float = 1.0,
    seed: int = 0,
    preprocessing: Preprocessing | None = None,
) -> Graph:
    """Build a base model with random weights (He normal, from `seed`).

    Args:
        name: a key of `MODELS`.
        input_shape: (channels, height, width); the published one when not given.
        classes: number of outputs; the published one when not given.
        width: multiplier of all channel counts, rounded to multiples of 8.
        seed: of the random weights.
        preprocessing: stored with the model.

    Raises:
        GraphError: there is no such model, or it does not fit the input.
    """
    card = MODELS.get(name)
    if card is None:
        msg = f"there is no base model {name!r}; take one of {', '.join(MODELS)}, or an .onnx file"
        raise GraphError(msg)
    channels, height, wide = input_shape or card.input_shape
    b = GraphBuilder(name, seed)
    x = b.input((1, channels, height, wide))
    logits = card.builder(b, x, classes or card.classes, width)
    return b.build(logits, preprocessing=preprocessing)


def has_trained_weights(name: str, data: str = "sample") -> bool:
    """Whether trained weights of a base model are shipped for a data set."""
    return name in MODELS and _weights_path(name, data).is_file()


def trained_model(name: str, data: str = "sample") -> Graph:
    """A base model with the weights shipped for a data set, normalisation and class names.

    Raises:
        GraphError: none are shipped for this pair.
    """
    if not has_trained_weights(name, data):
        msg = f"no trained weights of {name!r} for the data {data!r} are shipped"
        raise GraphError(msg)
    return load_graph(_weights_path(name, data))


def load_model(
    name_or_path: str | Path,
    *,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    data: str | None = None,
    any_shape: bool = False,
) -> Graph:
    """Open a model from the zoo, an .onnx file or a saved graph (.safetensors).

    A zoo model comes with its shipped weights where there are some for `data` (or for the sample,
    when shape and classes agree), otherwise with random ones. A file must agree with
    `input_shape` and `classes` where those are given. With `any_shape` an .onnx file may have a
    fixed batch and any number of axes; such a net can be compiled, not trained here.

    Raises:
        GraphError: there is no such model, or it has another input or number of classes.
        ImportRefusedError: the .onnx file cannot be taken.
    """
    name = str(name_or_path)
    if name in MODELS:
        if has_trained_weights(name, data or "sample"):
            trained = trained_model(name, data or "sample")
            if _mismatch(trained, input_shape, classes) is None:
                return trained
        return build_model(name, input_shape=input_shape, classes=classes)
    graph = _read_file(Path(name_or_path), any_shape=any_shape)
    problem = _mismatch(graph, input_shape, classes)
    if problem is not None:
        msg = f"{Path(name_or_path).name}: {problem}"
        raise GraphError(msg)
    return graph


def _weights_path(name: str, data: str) -> Path:
    return WEIGHTS_FOLDER / f"{name}-{data}.safetensors"


def _read_file(path: Path, *, any_shape: bool = False) -> Graph:
    if path.suffix not in {".onnx", ".safetensors"}:
        msg = (
            f"{str(path)!r} is neither a base model ({', '.join(MODELS)}) "
            "nor an .onnx or .safetensors file"
        )
        raise GraphError(msg)
    if not path.is_file():
        msg = f"there is no file {str(path)!r}"
        raise GraphError(msg)
    if path.suffix == ".safetensors":
        return load_graph(path)
    # onnx is slow to import and absent where only training happens.
    from codegen.exchange.onnx_importer import import_onnx

    return import_onnx(path, name=path.stem, any_shape=any_shape)


def _mismatch(
    graph: Graph, input_shape: tuple[int, int, int] | None, classes: int | None
) -> str | None:
    have = graph.inputs[0][1].shape
    if input_shape is not None and have != (1, *input_shape):
        return f"the model reads pictures of {have[1:]}, the data are {tuple(input_shape)}"
    outputs = graph.type_of(graph.outputs[0]).shape
    if classes is not None and outputs != (1, classes):
        return f"the model's output is {outputs}, the data have {classes} classes"
    return None
