"""C text of reductions: along rows by vectors, else a vector of neighbours at once."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines

_STARTS = {"sum": "0.0f", "max": "-__builtin_inff()", "min": "__builtin_inff()"}
_JOINED = {"sum": "{total} + {x}", "max": "larger({total}, {x})", "min": "smaller({total}, {x})"}


def render_reduce(kernel: Microkernel) -> list[str]:
    """The loop over outputs of one kind of reduction."""
    kind = next(word for word in kernel.variant if word in _STARTS)
    if "row" in kernel.variant:
        return _rows(kernel, kind)
    total = _JOINED[kind].format(total="total", x="load(input + oy * inner)")
    return [
        *entry_lines(kernel, ("layer->length > 0", "layer->inner > 0")),
        "  const ptrdiff_t inner = layer->inner;",
        f"  const int blocks = (layer->inner + {kernel.lanes - 1}) / {kernel.lanes};",
        "  for (int unit = begin; unit < end; ++unit) {",
        f"    const ptrdiff_t ox = unit % blocks * (ptrdiff_t){kernel.lanes};",
        "    const ptrdiff_t item = unit / blocks;",
        "    const float *input = layer->input + item * layer->length * inner + ox;",
        "    float *output = layer->output + item * inner + ox;",
        f"    vector total = broadcast({_STARTS[kind]});",
        "    for (ptrdiff_t oy = 0; oy < layer->length; ++oy) {",
        f"      total = {total};",
        "    }",
        *_scaled(kind),
        f"    if (ox + {kernel.lanes} <= inner) {{",
        "      store(output, total);",
        "    } else {",
        "      store_part(output, total, inner - ox);",
        "    }",
        "  }",
        "}",
    ]


def _rows(kernel: Microkernel, kind: str) -> list[str]:
    """Partial results in two vectors; what is left of the row and their lanes at the end."""
    lanes = kernel.lanes
    joined = _JOINED[kind]
    first = joined.format(total="total", x="load(input + ox)")
    second = joined.format(total="other", x=f"load(input + ox + {lanes})")
    return [
        *entry_lines(kernel, ("layer->length > 0", "layer->inner == 1")),
        "  for (int unit = begin; unit < end; ++unit) {",
        "    const float *input = layer->input + (ptrdiff_t)unit * layer->length;",
        f"    vector total = broadcast({_STARTS[kind]});",
        "    vector other = total;",
        "    ptrdiff_t ox = 0;",
        f"    for (; ox + {2 * lanes} <= layer->length; ox += {2 * lanes}) {{",
        f"      total = {first};",
        f"      other = {second};",
        "    }",
        f"    for (; ox < layer->length; ox += {lanes}) {{",
        f"      const vector x = load_first(input + ox, layer->length - ox, {_STARTS[kind]});",
        f"      total = {joined.format(total='total', x='x')};",
        "    }",
        f"    total = {joined.format(total='total', x='other')};",
        *_scaled(kind),
        f"    for (int width = {lanes // 2}; width > 0; width /= 2) {{",
        "      const vector moved = moved_down(total, width);",
        f"      total = {joined.format(total='total', x='moved')};",
        "    }",
        "    layer->output[unit] = total[0];",
        "  }",
        "}",
    ]


def _scaled(kind: str) -> list[str]:
    return ["    total = total * layer->scale;"] if kind == "sum" else ["    (void)layer->scale;"]
