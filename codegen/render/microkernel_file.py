"""Puts a microkernel's source file together: header, types, helpers, its own functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from string import Template
from types import MappingProxyType

from codegen.bundle import SourceFile
from codegen.kernels.microkernel import Family, Microkernel
from codegen.kernels.registry import FAMILIES
from codegen.render.activations import activation_function
from codegen.render.blocked_conv import render_blocked_conv
from codegen.render.blocked_depthwise import render_blocked_depthwise
from codegen.render.columns import render_columns
from codegen.render.compact_conv import render_compact_conv
from codegen.render.dense_conv import render_dense_conv
from codegen.render.depthwise_conv import render_depthwise_conv
from codegen.render.depthwise_rows import render_depthwise_rows
from codegen.render.expand_depthwise import render_expand_depthwise
from codegen.render.group_conv import render_group_conv
from codegen.render.interleave import render_interleave
from codegen.render.linear import render_linear
from codegen.render.matmul import render_matmul
from codegen.render.normalise import render_local_response, render_normalise
from codegen.render.pattern_conv import render_pattern_conv
from codegen.render.pattern_rows import render_pattern_rows
from codegen.render.pointwise import render_binary, render_broadcast, render_unary
from codegen.render.pool_direct import render_pool_direct
from codegen.render.reduce import render_reduce
from codegen.render.run_conv import render_run_conv
from codegen.render.softmax import render_softmax
from codegen.render.split import render_split
from codegen.render.winograd import render_winograd
from codegen.render.wrapped import wrapped

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def read_template(name: str) -> str:
    """Text of a file in templates/."""
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _from_template(kernel: Microkernel) -> list[str]:
    name = "-".join((kernel.family.replace("_", "-"), *kernel.variant))
    text = Template(read_template(f"{name}.c")).substitute(NAME=kernel.name)
    return text.splitlines()


BODIES: Mapping[str, Callable[[Microkernel], list[str]]] = MappingProxyType(
    {
        "conv_group": render_group_conv,
        "conv_compact": render_compact_conv,
        "columns": render_columns,
        "conv_depthwise": render_depthwise_conv,
        "depthwise_rows": render_depthwise_rows,
        "winograd": render_winograd,
        "conv_dense": render_dense_conv,
        "conv_pattern": render_pattern_conv,
        "pattern_rows": render_pattern_rows,
        "conv_runs": render_run_conv,
        "linear": render_linear,
        "linear_wide": render_linear,
        "unary": render_unary,
        "binary": render_binary,
        "broadcast": render_broadcast,
        "matmul": render_matmul,
        "reduce": render_reduce,
        "softmax": render_softmax,
        "normalise": render_normalise,
        "local_response": render_local_response,
        "pool": _from_template,
        "global_pool": _from_template,
        "repack": _from_template,
        "clear": _from_template,
        "split": render_split,
        "conv_blocked": render_blocked_conv,
        "depthwise_blocked": render_blocked_depthwise,
        "interleave": render_interleave,
        "expand_depthwise": render_expand_depthwise,
        "strided_copy": _from_template,
        "resample": _from_template,
        "conv_direct": _from_template,
        "pool_direct": render_pool_direct,
    }
)
"""Lines of a family's own functions."""

_SCALAR = frozenset(
    {
        "clear",
        "pool",
        "repack",
        "strided_copy",
        "resample",
        "conv_direct",
        "pool_direct",
    }
)
"""Families written in plain loops, without the vector helpers, where planes are single channels."""


def _is_scalar(kernel: Microkernel) -> bool:
    return kernel.family in _SCALAR and "blocked" not in kernel.variant


def struct_lines(family: Family) -> list[str]:
    """The parameter struct of a family."""
    lines = ["typedef struct {"]
    for field in family.fields:
        space = "" if field.type.endswith("*") else " "
        lines.append(f"  {field.type}{space}{field.name}; /* {field.note} */")
    return [*lines, f"}} {family.struct};"]


def prototype(kernel: Microkernel) -> str:
    """Signature of a microkernel, without the closing semicolon."""
    return f"void {kernel.name}(const {FAMILIES[kernel.family].struct} *layer, int begin, int end)"


def render_microkernel(kernel: Microkernel) -> SourceFile:
    """The whole file; its text depends on the microkernel alone."""
    family = FAMILIES[kernel.family]
    lines = [
        f"/* Punchcard microkernel: {kernel.family.replace('_', ' ')}, {kernel.isa}, "
        f"{kernel.lanes} lanes. Generated; its text",
        f" * depends on nothing but this file's name. Work is counted in {family.unit}. */",
    ]
    if _is_scalar(kernel):
        lines += ["#include <assert.h>", "#include <math.h>", "#include <stddef.h>"]
        lines += ["#include <stdint.h>", ""]
    else:
        prelude = Template(read_template("prelude.c")).substitute(VECTOR_BYTES=4 * kernel.lanes)
        maths = ["#include <math.h>"] if kernel.family == "pool" else []
        lines += ["#include <assert.h>", *maths, *prelude.splitlines(), ""]
    lines += [*struct_lines(family), "", *wrapped(f"{prototype(kernel)};"), ""]
    body = BODIES[kernel.family](kernel)
    if not _is_scalar(kernel):
        body = _with_functions(kernel, body)
    parts = [part for line in [*lines, *body] for part in wrapped(line)]
    return SourceFile(kernel.file_name, "\n".join(parts) + "\n")


def _with_functions(kernel: Microkernel, body: list[str]) -> list[str]:
    """The body behind the helper functions that it uses, itself or through others."""
    text = "\n".join(body)
    if "activate(" in text:
        body = [*activation_function(kernel.activation), "", *body]
    text = "\n".join(body)
    numbers = ", ".join(map(str, range(kernel.lanes)))
    functions = Template(read_template("functions.c")).substitute(LANE_NUMBERS=numbers)
    helpers = functions.split("\n\n")
    for helper in reversed(helpers):
        name = helper[: helper.index("(")].split()[-1]
        if f"{name}(" in text:
            text = f"{helper.strip()}\n\n{text}"
    return text.splitlines()
