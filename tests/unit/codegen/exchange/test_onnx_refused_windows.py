"""What of windows, movement and resizing is refused: all of it at once, node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx_files import model, one_node

from codegen.errors import ImportRefusedError
from codegen.exchange.onnx_importer import import_onnx, inspect_onnx


def test_every_refused_node_is_told_at_once_with_what_to_do() -> None:
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p", "places"], name="pool", kernel_shape=[2, 2]),
        helper.make_node("Conv", ["x", "x"], ["c"], name="conv"),
        helper.make_node("Gather", ["x", "x"], ["g"], name="gather"),
        helper.make_node("GridSample", ["x", "x"], ["s"], name="sample"),
        helper.make_node("Resize", ["x", "", "x"], ["r"], name="resize"),
        helper.make_node("Pad", ["x", "pads"], ["w"], name="pad", mode="mirror"),
        helper.make_node("Sum", ["places", "c", "g", "s", "r", "w"], ["y"], name="sum"),
    ]
    data = model(nodes, {"pads": [0] * 8}).SerializeToString()
    report = inspect_onnx(data)
    assert not report.supported
    told = {item.node: item.hint for item in report.unsupported}
    assert list(told) == ["pool", "conv", "gather", "sample", "resize", "pad"]
    assert "first output" in told["pool"]
    assert "input 1 must be a constant" in told["conv"]
    assert "input 1 must be a constant" in told["gather"]
    assert "resize by fixed sizes" in told["sample"]
    assert "input 2 must be a constant" in told["resize"]
    assert "'mirror'" in told["pad"]
    with pytest.raises(ImportRefusedError, match="6 nodes not supported"):
        import_onnx(data, name="net")


REFUSED: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "kernel of another weight": (
        "Conv",
        (np.ones((2, 3, 3, 3), np.float32),),
        {"kernel_shape": [2, 2]},
        "kernel_shape",
    ),
    "negative padding": (
        "MaxPool",
        (),
        {"kernel_shape": [2, 2], "pads": [-1, 0, 0, 0]},
        "paddings",
    ),
    "padding of a window": (
        "MaxPool",
        (),
        {"kernel_shape": [2, 2], "pads": [2, 0, 0, 0]},
        "as large",
    ),
    "unknown auto_pad": (
        "AveragePool",
        (),
        {"kernel_shape": [2, 2], "auto_pad": "SOME"},
        "auto_pad",
    ),
    "window beyond the picture": ("MaxPool", (), {"kernel_shape": [9, 2]}, "does not fit"),
    "transposed away": (
        "ConvTranspose",
        (np.ones((3, 2, 1, 1), np.float32),),
        {"pads": [4, 4, 4, 4]},
        "leaves nothing",
    ),
    "phases without end": (
        "ConvTranspose",
        (np.ones((3, 2, 1, 1), np.float32),),
        {"strides": [9000, 9000], "shape": (1, 3, 2, 2)},
        "too large",
    ),
    "shape of other elements": ("Reshape", ([1, 7, -1],), {}, "cannot take the shape"),
    "axis beyond": ("Concat", (np.ones((1, 3, 8, 8), np.float32),), {"axis": 4}, "no axis 4"),
    "index beyond": ("Gather", ([8],), {"axis": 2}, "not inside axis 2"),
    "order of axes": ("Transpose", (), {"perm": [0, 1, 1, 2]}, "order of axes"),
    "block size": ("DepthToSpace", (), {"blocksize": 2}, "block size 2"),
    "scales of no axes": (
        "Resize",
        (np.zeros(0, np.float32), np.ones(2, np.float32)),
        {},
        "2 scales",
    ),
    "scales of zero": ("Upsample", (np.zeros(4, np.float32),), {"opset": 9}, "out of range"),
    "region left out": (
        "Resize",
        (np.zeros(0, np.float32), np.ones(4, np.float32)),
        {"coordinate_transformation_mode": "tf_crop_and_resize"},
        "region",
    ),
    "unknown coordinates": (
        "Resize",
        (np.zeros(0, np.float32), np.full(4, 2, np.float32)),
        {"coordinate_transformation_mode": "middle"},
        "'middle'",
    ),
    "huge picture": ("Pad", ([0, 0, 60000, 60000, 0, 0, 0, 0],), {}, "larger"),
    "mirror of one row": (
        "Pad",
        ([0, 0, 1, 0, 0, 0, 0, 0],),
        {"mode": "reflect", "shape": (1, 3, 1, 8)},
        "mirrored",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_impossible_attributes_are_told_in_one_sentence(name: str) -> None:
    op, tensors, attrs, words = REFUSED[name]
    named = {f"t{index}": value for index, value in enumerate(tensors)}
    with pytest.raises(ImportRefusedError) as caught:
        import_onnx(one_node(op, named, **attrs).SerializeToString(), name="net")
    text = str(caught.value)
    assert words in text
    assert "the node" in text
    assert "\n" not in text
