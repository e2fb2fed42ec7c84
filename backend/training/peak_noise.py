"""Peak signal-to-noise ratio of super-resolved pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from backend.data.image_data import Pixels
from backend.data.photographs import PicturePairs, bicubic
from backend.models.graph_module import GraphModule
from codegen.ir.graph import Graph

FloatArray = npt.NDArray[np.float64]

_BATCH = 8


def psnr(picture: FloatArray, wanted: FloatArray) -> float:
    """10 log10(1 / mean squared error) in dB, of pictures in 0 to 1; infinite where equal."""
    error = float(np.mean((picture - wanted) ** 2))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def graph_psnr(graph: Graph, pairs: PicturePairs, border: int) -> FloatArray:
    """PSNR of each pair's large picture as a net makes it from the small one, (n,).

    Args:
        graph: for pictures of the small size; RGB of 0 to 1 in and out.
        pairs: same places small and large.
        border: pixels of the large pictures on each side that the net does not make.
    """
    module = GraphModule(graph, channels_last=True).eval()
    found: list[float] = []
    with torch.no_grad():
        for start in range(0, len(pairs), _BATCH):
            part = slice(start, start + _BATCH)
            made = module(torch.from_numpy(pairs.small[part]).float() / 255).clamp(0, 1)
            found += _each(made.numpy().astype(np.float64), pairs.large[part], border)
    return np.array(found)


def bicubic_psnr(pairs: PicturePairs, border: int) -> FloatArray:
    """The same of bicubic interpolation, on the same pixels."""
    size = pairs.large.shape[2]
    enlarge: Callable[[Pixels], Pixels] = lambda picture: bicubic(picture, size)  # noqa: E731
    made = np.stack([enlarge(picture) for picture in pairs.small]) / 255.0
    return np.array(_each(made[:, :, border:-border, border:-border], pairs.large, border))


def _each(made: FloatArray, large: Pixels, border: int) -> list[float]:
    wanted = large[:, :, border:-border, border:-border] / 255.0
    return [psnr(one, other) for one, other in zip(made, wanted, strict=True)]
