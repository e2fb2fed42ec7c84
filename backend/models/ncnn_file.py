"""Reads convolution weights out of ncnn's model files: a text of layers beside a blob of numbers.

Only what such a net of convolutions needs. A layer's weights in the .bin file are a tag of four
bytes, then for the tag 0x01306B47 float16 numbers padded to four bytes and for the tag 0 float32
ones, and behind them a float32 bias without a tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from codegen.errors import GraphError

FloatArray = npt.NDArray[np.float32]

_MAGIC = "7767517"
_HALF, _SINGLE = 0x01306B47, 0
_KINDS = {"Convolution": "conv", "Deconvolution": "conv_transpose"}
_MOST_BYTES = 1 << 30


@dataclass(frozen=True, eq=False)
class NcnnLayer:
    """One convolution of a file.

    Attributes:
        name: as the file has it.
        op: "conv" or "conv_transpose".
        stride: of both axes.
        padding: pixels before and behind both axes.
        slope: of the leaky relu behind it; None where there is none.
        weight: as torch lays it: (filters, channels, k, k), or (channels, filters, k, k) of a
            transposed convolution.
        bias: (filters,).
    """

    name: str
    op: str
    stride: int
    padding: int
    slope: float | None
    weight: FloatArray
    bias: FloatArray


def read_ncnn(parameters: Path, weights: Path, channels: int) -> tuple[NcnnLayer, ...]:
    """Read a chain of convolutions.

    Args:
        parameters: the .param file.
        weights: the .bin file.
        channels: of the input; the files do not say.

    Raises:
        GraphError: the files are no such chain, or do not belong together.
    """
    for path in (parameters, weights):
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            msg = f"there is no ncnn file {path.name!r}, or it is larger than 1 GB"
            raise GraphError(msg)
    reader = _Reader(weights.read_bytes(), weights.name)
    layers = []
    for kind, name, values in _lines(parameters):
        if kind not in _KINDS:
            msg = f"{parameters.name}: the layer {name!r} is a {kind}, not a convolution"
            raise GraphError(msg)
        layer = _layer(kind, name, values, channels, reader, parameters.name)
        layers.append(layer)
        channels = len(layer.bias)
    reader.end()
    return tuple(layers)


def _lines(path: Path) -> list[tuple[str, str, Mapping[int, str]]]:
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    if len(lines) < 3 or lines[0].strip() != _MAGIC:
        msg = f"{path.name} is not an ncnn parameter file"
        raise GraphError(msg)
    found: list[tuple[str, str, Mapping[int, str]]] = []
    for line in lines[2:]:
        words = line.split()
        if not words:
            continue
        try:
            inputs, outputs = int(words[2]), int(words[3])
            pairs = (word.split("=", 1) for word in words[4 + inputs + outputs :])
            values = {int(key): value for key, value in pairs}
        except (ValueError, IndexError):
            msg = f"{path.name}: the line {line[:60]!r} is no layer"
            raise GraphError(msg) from None
        if words[0] != "Input":
            found.append((words[0], words[1], values))
    return found


def _layer(
    kind: str, name: str, values: Mapping[int, str], channels: int, reader: _Reader, file: str
) -> NcnnLayer:
    try:
        filters, kernel = int(values[0]), int(values[1])
        count = int(values[6])
        stride, padding = int(values.get(3, 1)), int(values.get(4, 0))
        slope = _slope(values)
    except (KeyError, ValueError):
        msg = f"{file}: the layer {name!r} does not say its filters, kernel and weights"
        raise GraphError(msg) from None
    if filters < 1 or count != filters * channels * kernel * kernel:
        msg = (
            f"{file}: the layer {name!r} has {count} weights, not those of {filters} filters of "
            f"{channels} channels of {kernel}x{kernel}"
        )
        raise GraphError(msg)
    weight = reader.weights(count).reshape(filters, channels, kernel, kernel)
    bias = reader.floats(filters) if values.get(5) == "1" else np.zeros(filters, np.float32)
    if kind == "Deconvolution":
        weight = np.ascontiguousarray(weight.transpose(1, 0, 2, 3))
    return NcnnLayer(name, _KINDS[kind], stride, padding, slope, weight, bias)


def _slope(values: Mapping[int, str]) -> float | None:
    """Activation type 9 = 2 is a leaky relu whose slope is the first of the array -23310."""
    if values.get(9, "0") == "0":
        return None
    if values[9] != "2":
        raise ValueError(values[9])
    return float(values[-23310].split(",")[1])


class _Reader:
    """Takes numbers off the blob, in order."""

    def __init__(self, content: bytes, name: str) -> None:
        self._content, self._name, self._at = content, name, 0

    def weights(self, count: int) -> FloatArray:
        """Weights behind a tag."""
        tag = int.from_bytes(self._take(4), "little")
        if tag == _HALF:
            half = np.frombuffer(self._take(2 * count), "<f2")
            self._take(-2 * count % 4)
            return half.astype(np.float32)
        if tag == _SINGLE:
            return self.floats(count)
        msg = f"{self._name}: weights are stored in a way that is not known here (tag {tag:#x})"
        raise GraphError(msg)

    def floats(self, count: int) -> FloatArray:
        """Float32 numbers."""
        return np.frombuffer(self._take(4 * count), "<f4").astype(np.float32)

    def end(self) -> None:
        """Refuse a blob of which something is left."""
        if self._at != len(self._content):
            msg = (
                f"{self._name} has {len(self._content) - self._at} bytes more than the layers need"
            )
            raise GraphError(msg)

    def _take(self, size: int) -> bytes:
        part = self._content[self._at : self._at + size]
        if len(part) != size:
            msg = f"{self._name} ends before the weights do"
            raise GraphError(msg)
        self._at += size
        return part
