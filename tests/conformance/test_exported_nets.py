"""Nets as torch exports them, beyond plain classifiers: compiled programs against onnxruntime."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from codegen.exchange.onnx_exporter import export_onnx
from codegen.exchange.onnx_importer import import_onnx
from codegen.targets.registry import host_target
from tests.fixtures.compiled_graph import relative_error, run_compiled, run_torch

torch.set_num_threads(1)


class ConvNext(nn.Module):
    """Depthwise convolution, layer norm over channels that lie last, gelu, scaled residual."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 4, 4)
        self.depthwise = nn.Conv2d(12, 12, 7, padding=3, groups=12)
        self.norm = nn.LayerNorm(12, eps=1e-6)
        self.wide, self.narrow = nn.Linear(12, 48), nn.Linear(48, 12)
        self.gamma = nn.Parameter(torch.rand(12))
        self.head = nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.narrow(F.gelu(self.wide(y)))
        x = x + y.permute(0, 3, 1, 2)
        return self.head(x.mean((2, 3)))


class Attention(nn.Module):
    """Patches, a class token, one block of two heads, the token's scores."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.token = nn.Parameter(torch.rand(1, 1, 16))
        self.places = nn.Parameter(torch.rand(1, 10, 16))
        self.norm, self.last = nn.LayerNorm(16), nn.LayerNorm(16)
        self.qkv, self.out = nn.Linear(16, 48), nn.Linear(16, 16)
        self.mlp = nn.Sequential(nn.Linear(16, 40), nn.GELU(approximate="tanh"), nn.Linear(40, 16))
        self.head = nn.Linear(16, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        n, length, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, length, 3, 2, 8).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-2, -1) * 8**-0.5).softmax(-1)
        x = x + self.out((scores @ v).transpose(1, 2).reshape(n, length, width))
        x = x + self.mlp(x)
        return self.head(self.last(x)[:, 0]).log_softmax(-1)


class Style(nn.Module):
    """Mirrored padding, instance norms, parametric relu, resizing and a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, 2)
        self.norm, self.slope = nn.InstanceNorm2d(8, affine=True), nn.PReLU(8)
        self.body = nn.Conv2d(8, 8, 3, padding=1)
        self.plain, self.elu = nn.InstanceNorm2d(8), nn.ELU(0.7)
        self.up = nn.ConvTranspose2d(8, 6, 4, 2, 1)
        self.last = nn.Conv2d(6, 3, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.slope(self.norm(self.down(F.pad(x, (1, 1, 1, 1), mode="reflect"))))
        x = self.elu(self.plain(self.body(x))) + x
        small = F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)
        x = x + F.interpolate(small, scale_factor=2, mode="nearest")
        return torch.tanh(self.last(self.up(x)))


class Gated(nn.Module):
    """Group norm, mish, gates of channels and of pixels, pixel shuffle, softplus, powers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.group = nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(4, 8)
        self.squeeze, self.excite = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.spatial = nn.Conv2d(2, 1, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        self.response = nn.LocalResponseNorm(3, alpha=0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.mish(self.group(self.conv(x)))
        gate = F.hardsigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = x * gate
        pixels = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        x = x * torch.sigmoid(self.spatial(pixels))
        y = self.shuffle(self.response(x))
        y = F.softplus(y) - torch.minimum(y, y.square()) + y.abs().add(0.1).pow(0.3)
        rows = y.flatten(2).sum(2) / y.norm(dim=(2, 3))
        return torch.cat([rows, F.selu(rows), F.softsign(rows.exp().log())], 1)


@dataclass(frozen=True)
class Net:
    name: str
    make: Callable[[], nn.Module]


NETS = (
    Net("convnext", ConvNext),
    Net("attention", Attention),
    Net("style", Style),
    Net("gated", Gated),
)


def exported(net: Net, opset: int) -> bytes:
    torch.manual_seed(0)
    made, file = net.make().eval(), io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            made, (torch.rand(1, 3, 24, 24),), file, dynamo=False, opset_version=opset
        )
    return file.getvalue()


def by_onnxruntime(data: bytes, x: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
@pytest.mark.parametrize("opset", [9, 11, 13, 18, 20])
def test_every_opset_is_read_written_and_means_the_same(net: Net, opset: int) -> None:
    if opset < 11 and net.name == "style":
        pytest.skip("torch does not write this resize in opset 9")
    data = exported(net, opset)
    x = np.random.default_rng(1).standard_normal((1, 3, 24, 24)).astype(np.float32)
    wanted = by_onnxruntime(data, x)
    graph = import_onnx(data, name=net.name)
    assert relative_error(run_torch(graph, [x])[0], wanted) <= 1e-5
    assert relative_error(by_onnxruntime(export_onnx(graph), x), wanted) <= 1e-5


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_a_batch_in_torch_gives_what_its_images_give(net: Net) -> None:
    graph = import_onnx(exported(net, 17), name=net.name)
    x = np.random.default_rng(1).standard_normal((3, 3, 24, 24)).astype(np.float32)
    wanted = np.concatenate([run_torch(graph, [x[i : i + 1]])[0] for i in range(3)])
    assert relative_error(run_torch(graph, [x])[0], wanted) <= 1e-5


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_the_program_gives_the_numbers_of_onnxruntime(net: Net, tmp_path: Path) -> None:
    data = exported(net, 17)
    x = np.random.default_rng(1).standard_normal((1, 3, 24, 24)).astype(np.float32)
    graph = import_onnx(data, name=net.name)
    got = run_compiled(graph, host_target(), [x], tmp_path, repeat=2)
    assert relative_error(got[0], by_onnxruntime(data, x)) <= 1e-5
