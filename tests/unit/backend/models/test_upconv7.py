"""ncnn's weight files, and the super-resolution net that is read from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models.graph_module import GraphModule
from backend.models.ncnn_file import read_ncnn
from backend.models.upconv7 import BORDER, resized, upconv_7
from codegen.errors import GraphError

CHAIN = """7767517
3 3
Input input 0 1 data 0=8 1=8 2=3
Convolution first 1 1 data a 0=5 1=3 5=1 6=135 9=2 -23310=1,0.100000
Deconvolution up 1 1 a out 0=3 1=4 3=2 4=3 5=1 6=240
"""


def blob(seed: int = 0, tag: int = 0x01306B47) -> tuple[bytes, list[np.ndarray]]:
    """The weights of the chain, and what they are."""
    random = np.random.default_rng(seed)
    arrays = [
        random.standard_normal(135).astype(np.float16),
        random.standard_normal(5).astype(np.float32),
        random.standard_normal(240).astype(np.float16),
        random.standard_normal(3).astype(np.float32),
    ]
    parts = [
        tag.to_bytes(4, "little"), arrays[0].tobytes(), bytes(2), arrays[1].tobytes(),
        tag.to_bytes(4, "little"), arrays[2].tobytes(), arrays[3].tobytes(),
    ]  # fmt: skip
    return b"".join(parts), arrays


def files(folder: Path, text: str = CHAIN, content: bytes | None = None) -> tuple[Path, Path]:
    """The two files of a chain."""
    parameters, weights = folder / "net.param", folder / "net.bin"
    parameters.write_text(text)
    weights.write_bytes(blob()[0] if content is None else content)
    return parameters, weights


def test_half_weights_are_read_with_their_padding(tmp_path: Path) -> None:
    _, arrays = blob()
    first, up = read_ncnn(*files(tmp_path), channels=3)
    assert np.array_equal(first.weight.ravel(), arrays[0].astype(np.float32))
    assert np.array_equal(first.bias, arrays[1])
    assert (first.op, first.stride, first.slope) == ("conv", 1, pytest.approx(0.1))
    # ncnn lays a transposed convolution by filters, torch by channels
    wanted = arrays[2].astype(np.float32).reshape(3, 5, 4, 4).transpose(1, 0, 2, 3)
    assert np.array_equal(up.weight, wanted)
    assert (up.op, up.stride, up.padding, up.slope) == ("conv_transpose", 2, 3, None)


@pytest.mark.parametrize(
    ("text", "content", "says"),
    [
        ("hello", None, "not an ncnn parameter file"),
        (CHAIN.replace("Convolution first", "Pooling first"), None, "Pooling"),
        (CHAIN.replace("6=135", "6=136"), None, "136 weights"),
        (CHAIN.replace("0=5 ", ""), None, "does not say"),
        (CHAIN.replace("9=2", "9=4"), None, "does not say"),
        (CHAIN.replace("1 1 data a", "x y data a"), None, "is no layer"),
        (CHAIN, blob()[0][:-4], "ends before"),
        (CHAIN, blob()[0] + b"1234", "4 bytes more"),
        (CHAIN, blob(tag=7)[0], "tag 0x7"),
    ],
)
def test_broken_files_are_refused_in_one_sentence(
    text: str, content: bytes | None, says: str, tmp_path: Path
) -> None:
    with pytest.raises(GraphError, match=says):
        read_ncnn(*files(tmp_path, text, content), channels=3)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="no ncnn file"):
        read_ncnn(tmp_path / "a.param", tmp_path / "a.bin", channels=3)


def test_output_is_twice_the_input_without_its_border() -> None:
    net = upconv_7(24)
    x = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    y = GraphModule(net).eval()(x)
    assert y.shape == (2, 3, 2 * (24 - 2 * BORDER), 2 * (24 - 2 * BORDER))
    # the middle of a larger picture is the whole of a smaller one
    small = GraphModule(resized(net, 20)).eval()(x[:, :, 2:22, 2:22])
    assert torch.allclose(small, y[:, :, 4:-4, 4:-4], atol=1e-5)


def test_nets_of_other_weights_and_tiny_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="not of an upconv_7"):
        upconv_7(24, read_ncnn(*files(tmp_path), channels=3))
    with pytest.raises(GraphError, match="more than 14"):
        upconv_7(14)
