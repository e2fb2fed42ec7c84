"""Where each element of a resized axis comes from: positions and weights of ONNX's Resize."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, isfinite

import numpy as np
import numpy.typing as npt

from codegen.errors import GraphError
from codegen.ir.node import AttrValue, Node
from codegen.ir.shapes import ints
from codegen.ir.tensor import TensorType

IntArray = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

MODES = ("nearest", "linear", "cubic")
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class AxisTable:
    """A linear map along one axis, as compressed rows.

    Attributes:
        axis: which one.
        starts: [size + 1]: first tap of each output element, then their total.
        indices: [tap]: input element.
        weights: [tap]; an element without taps is the resize's `fill`.
    """

    axis: int
    starts: IntArray
    indices: IntArray
    weights: FloatArray

    @property
    def size(self) -> int:
        """Elements of the output's axis."""
        return len(self.starts) - 1

    @property
    def is_choice(self) -> bool:
        """Whether every output element is at most one input element, unchanged."""
        return bool((np.diff(self.starts) <= 1).all() and (self.weights == 1).all())

    def even_taps(self) -> tuple[IntArray, FloatArray]:
        """Indices and weights [tap][position], as many taps for every position.

        Where one has fewer, its last is dealt out to several by halves: a weight of zero would turn
        an infinite element into a NaN. Positions without any take element 0.
        """
        counts = np.diff(self.starts)
        most = max(int(counts.max(initial=0)), 1)
        indices = np.zeros((most, self.size), dtype=np.int32)
        weights = np.zeros((most, self.size), dtype=np.float32)
        for position, (start, count) in enumerate(zip(self.starts[:-1], counts, strict=True)):
            indices[:count, position] = self.indices[start : start + count]
            weights[:count, position] = self.weights[start : start + count]
            for tap in range(count, most if count else 0):
                indices[tap, position] = indices[tap - 1, position]
                weights[tap - 1, position] /= 2
                weights[tap, position] = weights[tap - 1, position]
        return indices, weights


@dataclass(frozen=True)
class _Axis:
    size: int
    out: int
    scale: float
    roi: tuple[float, float]


def resize(
    types: tuple[TensorType, ...],
    attrs: Mapping[str, AttrValue],
    _weights: Mapping[str, tuple[int, ...]],
) -> TensorType:
    """Shape rule of `resize`: the shape it names.

    Raises:
        GraphError: an attribute is unknown, or a list does not have one number an axis.
    """
    shape, rank = ints(attrs, "shape"), len(types[0].shape)
    scales, roi = attrs["scales"], attrs["roi"]
    assert isinstance(scales, tuple) and isinstance(roi, tuple)
    lists_fit = len(shape) == len(scales) == rank and len(roi) in (0, 2 * rank)
    # Sizes are rounded one way or the other from what the scales say.
    triples = zip(shape, types[0].shape, scales, strict=lists_fit)
    fits = all(out >= 1 and abs(out - size * scale) <= 1 for out, size, scale in triples)
    if not (lists_fit and fits and all(map(isfinite, (*scales, *roi)))):
        msg = f"{types[0]} cannot be resized to {shape}"
        raise GraphError(msg)
    chosen = (attrs["mode"], attrs["coordinates"], attrs["rounding"])
    for value, known in zip(chosen, (MODES, tuple(_COORDINATES), ROUNDINGS), strict=True):
        if value not in known:
            msg = f"{value!r} is none of {', '.join(known)}"
            raise GraphError(msg)
    return TensorType(shape, types[0].dtype)


def axis_tables(node: Node, shape: tuple[int, ...]) -> list[AxisTable]:
    """One table for each axis that a `resize` node changes, to be applied one after the other.

    Args:
        node: the resize.
        shape: of its input.
    """
    rank = len(shape)
    scales, roi = node.numbers("scales"), node.numbers("roi")
    if node.text("coordinates") != "tf_crop_and_resize":
        roi = ()
    roi = roi or (0.0,) * rank + (1.0,) * rank
    tables = []
    for axis, size in enumerate(shape):
        part = (roi[axis], roi[rank + axis])
        found = _Axis(size, node.type.shape[axis], scales[axis], part)
        if found.out == size and abs(found.scale - 1) < 1e-9 and part == (0.0, 1.0):
            continue
        tables.append(_table(node, axis, found))
    return tables


def _table(node: Node, axis: int, found: _Axis) -> AxisTable:
    starts, indices, weights = [0], [], []
    is_cropped = node.text("coordinates") == "tf_crop_and_resize"
    for position in range(found.out):
        x = float(_COORDINATES[node.text("coordinates")](found, position))
        if not is_cropped or 0 <= x <= found.size - 1:
            for index, weight in _taps(node, found, x):
                indices.append(index)
                weights.append(weight)
        starts.append(len(indices))
    return AxisTable(
        axis,
        np.array(starts, dtype=np.int32),
        np.array(indices, dtype=np.int32),
        np.array(weights, dtype=np.float32),
    )


def _taps(node: Node, found: _Axis, x: float) -> list[tuple[int, float]]:
    """Input elements and weights for the coordinate x; equal elements joined, zeros left out."""
    # An exact coordinate counts as the right end of the gap before it.
    ratio = 1.0 if x == floor(x) else x - floor(x)
    first = int(np.ceil(x)) - 1
    offsets, coefficients = _coefficients(node, ratio, found.scale)
    places = first + offsets
    if bool(node.attrs["exclude_outside"]):
        coefficients = np.where((places < 0) | (places >= found.size), 0.0, coefficients)
        total = coefficients.sum()
        coefficients = coefficients / (total if total else 1.0)
    joined: dict[int, float] = {}
    for place, value in zip(np.clip(places, 0, found.size - 1), coefficients, strict=True):
        if value:
            joined[int(place)] = joined.get(int(place), 0.0) + float(value)
    return list(joined.items())


def _coefficients(node: Node, ratio: float, scale: float) -> tuple[npt.NDArray[np.int64], Array]:
    """Offsets from the element left of the coordinate, and their weights."""
    mode = node.text("mode")
    if mode == "nearest":
        takes_right = _takes_right(node.text("rounding"), ratio)
        return np.array([1 if takes_right else 0]), np.ones(1)
    # Antialiasing widens the kernel when shrinking, and only then.
    shrink = min(scale, 1.0) if bool(node.attrs["antialias"]) else 1.0
    reach = 1 if mode == "linear" else 2
    start = floor(-reach / shrink) + 1
    offsets = np.arange(start, 2 - start)
    distance = np.abs((offsets - ratio) * shrink)
    if mode == "linear":
        values = np.clip(1 - distance, 0, 1)
    else:
        values = _cubic(distance, node.number("cubic"))
    if shrink < 1.0:
        values = values / values.sum()
    return offsets, values


def _takes_right(rounding: str, ratio: float) -> bool:
    if ratio == 1.0:
        return True
    return {
        "floor": False,
        "ceil": True,
        "round_prefer_floor": ratio > 0.5,
        "round_prefer_ceil": ratio >= 0.5,
    }[rounding]


def _cubic(distance: Array, a: float) -> Array:
    """Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), eq. 15."""
    d = distance
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _align_corners(found: _Axis, position: int) -> float:
    length = found.scale * found.size
    return 0.0 if length == 1 else position * (found.size - 1) / (length - 1)


def _half_pixel(found: _Axis, position: int) -> float:
    return (position + 0.5) / found.scale - 0.5


def _pytorch_half_pixel(found: _Axis, position: int) -> float:
    return -0.5 if found.scale * found.size == 1 else _half_pixel(found, position)


def _half_pixel_symmetric(found: _Axis, position: int) -> float:
    adjustment = found.out / (found.scale * found.size)
    return found.size / 2 * (1 - adjustment) + _half_pixel(found, position)


def _crop(found: _Axis, position: int) -> float:
    first, last = found.roi
    length = found.scale * found.size
    if length == 1:
        return (last - first) * (found.size - 1) / 2 + first * (found.size - 1)
    return position * (last - first) * (found.size - 1) / (length - 1) + first * (found.size - 1)


_COORDINATES: dict[str, Callable[[_Axis, int], float]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": lambda found, position: position / found.scale,
    "tf_half_pixel_for_nn": lambda found, position: (position + 0.5) / found.scale,
    "tf_crop_and_resize": _crop,
}
"""Input coordinate of an output element, by ONNX's names."""
