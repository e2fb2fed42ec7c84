"""Nets that upsample, shuffle, split and join, as torch exports them at old and new opsets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from onnx_files import export, run_onnx
from torch import Tensor, nn

from codegen.exchange.onnx_exporter import export_onnx
from codegen.exchange.onnx_importer import import_onnx
from codegen.ir import Graph
from codegen.ir.passes import optimize
from codegen.targets.registry import host_target
from tests.fixtures.compiled_graph import relative_error, run_compiled, run_torch

torch.set_num_threads(1)


class UNet(nn.Module):
    """An encoder and a decoder with transposed convolutions and skips."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, 2, 1)
        self.c = nn.Conv2d(12, 16, 3, 2, 1, groups=2)
        self.up1 = nn.ConvTranspose2d(16, 12, 4, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(12)
        self.up2 = nn.ConvTranspose2d(24, 8, 3, 2, 1, output_padding=1, groups=4)
        self.end = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = F.relu(self.a(x))
        two = F.relu(self.b(one))
        y = F.leaky_relu(self.norm(self.up1(F.relu(self.c(two)))), 0.1)
        y = F.relu(self.up2(torch.cat([y, two], 1)))
        return torch.sigmoid(self.end(torch.cat([y, one], 1)))


class Pyramid(nn.Module):
    """Features of three scales, resized in every way torch has."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.end = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        one = F.relu(self.a(x))
        two = F.relu(self.b(one))
        y = one + F.interpolate(two, scale_factor=2.0, mode="nearest")
        y = y + F.interpolate(two, size=one.shape[2:], mode="bilinear", align_corners=False)
        y = F.interpolate(self.end(y), scale_factor=2.0, mode="bilinear", align_corners=True)
        return F.interpolate(y, size=(21, 17), mode="bicubic", align_corners=False)


class Shuffles(nn.Module):
    """Split channels, channel shuffle, pixel shuffle and back, slices, mirrored borders."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.c = nn.Conv2d(8, 12, 3, padding=1, padding_mode="reflect")
        self.end = nn.Conv2d(12, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.a(x).chunk(2, 1)
        y = torch.cat([left, F.relu(self.b(right))], 1)
        n, c, h, w = y.shape
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        y = F.pixel_shuffle(F.relu(self.c(y)), 2)
        y = F.pad(y, (1, 3, 2, 0), mode="replicate")[:, :, 2:, :-4]
        y = F.pixel_unshuffle(y, 2)
        y = torch.flip(self.end(y), [3]) + y[:, [3, 0, 1, 2]].mean((2, 3), keepdim=True)
        return y.permute(0, 2, 3, 1).reshape(n, -1, 4).transpose(1, 2)


class Signal(nn.Module):
    """Convolutions of rows, with pools and a transposed one."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv1d(3, 8, 5, 2, 2), nn.Conv1d(8, 6, 3, padding=4, dilation=4)
        self.up = nn.ConvTranspose1d(6, 5, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.max_pool1d(F.relu(self.a(x)), 2)
        y = F.avg_pool1d(F.relu(self.b(y)), 3, 1, 1)
        return F.adaptive_avg_pool1d(self.up(y), 1).flatten(1)


NETS: dict[str, tuple[type[nn.Module], tuple[int, ...]]] = {
    "u-net": (UNet, (3, 24, 20)),
    "pyramid": (Pyramid, (3, 24, 20)),
    "shuffles": (Shuffles, (3, 17, 19)),
    "signal": (Signal, (3, 50)),
}


def exported(name: str, opset: int) -> bytes:
    torch.manual_seed(0)
    made, shape = NETS[name]
    return export(made(), shape, opset)


@pytest.mark.parametrize("opset", [11, 13, 17, 20])
@pytest.mark.parametrize("name", NETS)
def test_an_export_of_torch_means_the_same_here(name: str, opset: int) -> None:
    data = exported(name, opset)
    graph = import_onnx(data, name=name)
    x = picture(graph)
    wanted = run_onnx(data, x)
    for form in (graph, optimize(graph), import_onnx(export_onnx(graph), name=name)):
        (got,) = run_torch(form, [x])
        assert got.shape == wanted.shape
        assert relative_error(got, wanted) < 1e-5


@pytest.mark.parametrize("name", NETS)
def test_the_generated_program_gives_the_numbers_of_onnxruntime(name: str, tmp_path: Path) -> None:
    data = exported(name, 17)
    graph = import_onnx(data, name=name)
    x = picture(graph)
    (got,) = run_compiled(graph, host_target(), [x], tmp_path, sanitize=True, threads=2, repeat=2)
    assert relative_error(got, run_onnx(data, x)) < 1e-5


def picture(graph: Graph) -> np.ndarray:
    shape = graph.inputs[0][1].shape
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)
