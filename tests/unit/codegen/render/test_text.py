"""Small pieces of generated text."""

from __future__ import annotations

import math

import numpy as np
import pytest

from codegen.kernels.microkernel import Microkernel
from codegen.render.microkernel_file import render_microkernel
from codegen.render.program_file import float_text
from codegen.render.weights_check import weights_check


@pytest.mark.parametrize("value", [0.0, -0.5, 1 / 3, 1e-30, 1.5e20, float(np.float32(0.1))])
def test_float_literals_read_back_to_the_same_f32(value: float) -> None:
    text = float_text(value)
    assert text.endswith("f")
    assert np.float32(float(text[:-1])) == np.float32(value)


def test_special_values_have_names() -> None:
    assert [float_text(v) for v in (math.inf, -math.inf, math.nan)] == [
        "INFINITY",
        "-INFINITY",
        "NAN",
    ]


def test_a_file_holds_only_the_helpers_it_uses() -> None:
    plain = render_microkernel(Microkernel("unary", "avx2", 8, "relu")).text
    assert "power_of_e" not in plain
    assert "power_of_e" in render_microkernel(Microkernel("unary", "avx2", 8, "silu")).text


def test_names_follow_the_grammar() -> None:
    kernel = Microkernel("conv_group", "avx512", 16, "relu", (8, 3), ("add",))
    assert kernel.name == "punchcard_f32_conv_group_add_relu_microkernel_8x48__avx512"
    assert kernel.file_name == "punchcard-f32-conv-group-add-relu-microkernel-8x48-avx512.c"


def _check_by_words(blob: bytes) -> int:
    lanes = [14695981039346656037] * 1024
    for index in range(0, len(blob), 8):
        lane = index // 8 % 1024
        word = int.from_bytes(blob[index : index + 8], "little")
        lanes[lane] = (lanes[lane] ^ word) * 1099511628211 % 2**64
    check = 14695981039346656037
    for lane in lanes:
        check = (check ^ lane) * 1099511628211 % 2**64
    return check


@pytest.mark.parametrize("size", [64, 8192, 8256])
def test_the_weights_check_is_the_plain_definition(size: int) -> None:
    blob = np.random.default_rng(size).bytes(size)
    assert weights_check(blob) == _check_by_words(blob)
