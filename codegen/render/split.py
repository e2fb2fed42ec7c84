"""C text that takes every second column of planes, a vector at a time."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_split(kernel: Microkernel) -> list[str]:
    """Rows from first to last: what one spills into the next is written over by the next."""
    lanes = kernel.lanes
    numbers = ", ".join(str(lane) for lane in range(lanes))
    evens = ", ".join(str(2 * lane) for lane in range(lanes))
    return [
        "/* `left` columns of output from twice as many of input, zero behind them. */",
        "static void take_columns(float *output, const float *input, int left) {",
        f"  const lanes number = {{{numbers}}};",
        "  const vector low = load(input);",
        f"  const vector high = load(input + {lanes});",
        f"  const vector taken = __builtin_shufflevector(low, high, {evens});"
        if lanes <= 8
        else "  const vector taken = __builtin_shufflevector(",
        *([] if lanes <= 8 else [f"      low, high, {evens});"]),
        "  store(output, keep(taken, number < left));",
        "}",
        "",
        *entry_lines(kernel),
        "  for (int oc = begin; oc < end; ++oc) {",
        "    const float *input = layer->input + oc * layer->input_plane;",
        "    float *output = layer->output + oc * layer->output_plane;",
        "    for (int oy = 0; oy < layer->height; ++oy) {",
        f"      for (int ox = 0; ox < layer->width; ox += {lanes}) {{",
        "        take_columns(output + ox, input + 2 * (ptrdiff_t)ox, layer->taken - ox);",
        "      }",
        "      input += layer->input_row;",
        "      output += layer->output_row;",
        "    }",
        "    for (int oy = 0; oy < layer->zero_rows; ++oy) {",
        "      for (ptrdiff_t ox = 0; ox < layer->output_row; ++ox) {",
        "        output[ox] = 0.0f;",
        "      }",
        "      output += layer->output_row;",
        "    }",
        "  }",
        "}",
    ]
