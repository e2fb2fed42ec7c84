"""C text that takes every second column of planes, a vector at a time."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_split(kernel: Microkernel) -> list[str]:
    """Rows from first to last, with their pad columns.

    Rows that are narrower than a vector spill into the next, which writes over that.
    """
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
        "  const ptrdiff_t input_row = layer->input_row;",
        "  const ptrdiff_t output_row = layer->output_row;",
        "  /* The last vector ends with the row where one fits, and spills nothing. */",
        f"  const int last = output_row > {lanes} ? (int)output_row - {lanes} : 0;",
        "  const int end_row = layer->first_row + layer->rows;",
        "  for (int oc = begin; oc < end; ++oc) {",
        "    const float *input = layer->input + oc * layer->input_plane;",
        "    float *output = layer->output + oc * layer->output_plane;",
        "    for (int oy = layer->first_row; oy < end_row; ++oy) {",
        "      const float *from = input + oy * input_row;",
        "      float *to = output + oy * output_row;",
        f"      for (int ox = 0; oy < layer->height && ox < output_row; ox += {lanes}) {{",
        "        const int at = ox < last ? ox : last;",
        "        take_columns(to + at, from + 2 * (ptrdiff_t)at, layer->taken - at);",
        "      }",
        "      for (ptrdiff_t ox = 0; oy >= layer->height && ox < output_row; ++ox) {",
        "        to[ox] = 0.0f;",
        "      }",
        "    }",
        "  }",
        "}",
    ]
