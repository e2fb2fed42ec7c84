"""The layers of `bench kernels`, as data; what is asked stands in issue 3 and kernels.md."""

from __future__ import annotations

from collections.abc import Sequence

from backend.bench.errors import BenchError
from backend.bench.kernel_row import KernelRow
from backend.sparsity.candidate import LayerChoice

_MAPS = ((64, 56), (128, 28), (256, 14), (512, 14), (512, 28), (256, 56), (128, 112))
_POINTWISE = (
    (64, 256, 56), (256, 64, 56), (128, 512, 28), (512, 128, 28), (256, 1024, 14),
    (1024, 256, 14), (512, 2048, 7), (2048, 512, 7), (16, 96, 112), (24, 144, 56), (32, 192, 28),
    (192, 32, 28), (64, 384, 14), (96, 576, 14), (576, 96, 14), (160, 960, 7), (960, 160, 7),
    (320, 1280, 7),
)  # fmt: skip
_AVX2 = ("avx2", 0.65, 0.78)


def _punched(filters: int, rate: float) -> LayerChoice:
    return LayerChoice("block_punched", rate, block=(filters, 1))


def _group(channels: int, size: int, filters: int, *asked: tuple[str, float, float]) -> KernelRow:
    choice = _punched(filters, 8)
    return KernelRow(f"group of {filters}", channels, channels, size, choice, asked=asked)


def _group_rows() -> list[KernelRow]:
    rows = [_group(c, size, 8, ("avx512", 0.75, 0.88), _AVX2) for c, size in _MAPS]
    rows.append(_group(64, 224, 8, ("avx512", 0.45, 0.70), _AVX2))
    rows.append(_group(512, 7, 8, ("avx512", 0.65, 0.85), _AVX2))
    rows += [_group(c, size, 4, ("avx512", 0.70, 0.85), _AVX2) for c, size in _MAPS]
    rows.append(_group(512, 7, 4, ("avx512", 0.45, 0.60), _AVX2))
    rows.append(_group(256, 14, 16, ("avx512", 0.75, 0.88), _AVX2))
    shared = LayerChoice("pattern", 8.1, patterns="natural-8", group=8)
    for channels, size in ((64, 56), (512, 14)):
        asked = (("avx512", 0.75, 0.88), _AVX2)
        rows.append(KernelRow("shared patterns", channels, channels, size, shared, asked=asked))
    return rows


def _other_group_rows() -> list[KernelRow]:
    """Larger kernels and strides: nothing is asked but that they do not fall off."""
    return [
        KernelRow("group, other", 64, 64, 28, _punched(8, 8), kernel=5),
        KernelRow("group, other", 64, 64, 28, _punched(8, 8), kernel=7),
        KernelRow("group, other", 3, 64, 224, LayerChoice(), kernel=7, stride=2),
        KernelRow("group, other", 64, 128, 56, _punched(8, 8), stride=2),
        KernelRow("group, other", 256, 512, 14, _punched(8, 8), stride=2),
        KernelRow("group, other", 256, 512, 56, _punched(8, 3), kernel=1, stride=2),
    ]


def _pointwise_rows() -> list[KernelRow]:
    rows = []
    for filters in (4, 8):
        for channels, out, size in _POINTWISE:
            must, goal = (2.0, 2.5) if size == 7 else (2.4, 2.9)
            rows.append(
                KernelRow(
                    f"1x1 group of {filters}", channels, out, size, _punched(filters, 3),
                    kernel=1, beside=True, asked=(("avx512", must, goal),),
                )
            )  # fmt: skip
    return rows


def _pattern_rows() -> list[KernelRow]:
    """Kernels of patterns of their own: nothing is shared between filters."""
    choice = LayerChoice("pattern", 8.1, patterns="natural-8", group=1)
    asked = (("avx512", 0.60, 0.78), ("avx2", 0.40, 0.52))
    return [KernelRow("per filter", c, c, size, choice, asked=asked) for c, size in _MAPS[:6]]


def _dense_rows() -> list[KernelRow]:
    """Layers without zeros beside dense engines: 3x3 (Winograd where it pays), 1x1, depthwise."""
    asked = (("avx512", 1.0, 1.0),)
    rows = [
        KernelRow("dense 3x3", c, c, size, LayerChoice(), beside=True, asked=asked)
        for c, size in (*_MAPS, (64, 224), (512, 7))
    ]
    rows += [
        KernelRow("dense 1x1", c, out, size, LayerChoice(), kernel=1, beside=True, asked=asked)
        for c, out, size in _POINTWISE[:8]
    ]
    depthwise = ((96, 112, 2), (144, 56, 1), (192, 28, 1), (384, 14, 1), (576, 14, 1), (960, 7, 1))
    for kernel in (3, 5):
        rows += [
            KernelRow(
                "dense depthwise", c, c, size, LayerChoice(), kernel=kernel, stride=stride,
                groups=c, beside=True, asked=(("avx512", 1.0, 1.3),),
            )
            for c, size, stride in depthwise
        ]  # fmt: skip
    return rows


KERNEL_ROWS: tuple[KernelRow, ...] = (
    *_group_rows(),
    *_other_group_rows(),
    *_pointwise_rows(),
    *_pattern_rows(),
    *_dense_rows(),
)


def chosen_rows(words: Sequence[str]) -> tuple[KernelRow, ...]:
    """Rows whose family or name holds one of the words; no words choose all.

    Raises:
        BenchError: a word is in no row.
    """
    for word in words:
        if not any(_says(row, word) for row in KERNEL_ROWS):
            families = ", ".join(dict.fromkeys(row.family for row in KERNEL_ROWS))
            msg = f"no layer of the benchmark is called {word!r}: families are {families}"
            raise BenchError(msg)
    return tuple(row for row in KERNEL_ROWS if not words or any(_says(row, word) for word in words))


def _says(row: KernelRow, word: str) -> bool:
    return word in row.family or word in row.name
