"""C text that copies planes without their pad columns."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_columns(kernel: Microkernel) -> list[str]:
    """Rows from first to last: what one spills into the next is written over by the next."""
    lanes = kernel.lanes
    return [
        *entry_lines(kernel),
        "  for (int ic = begin; ic < end; ++ic) {",
        "    const float *input = layer->input + ic * layer->input_plane;",
        "    float *output = layer->output + ic * layer->output_plane;",
        "    for (int iy = 0; iy < layer->height; ++iy) {",
        f"      for (int ix = 0; ix < layer->width; ix += {lanes}) {{",
        "        store(output + ix, load(input + ix));",
        "      }",
        "      input += layer->input_row;",
        "      output += layer->width;",
        "    }",
        "  }",
        "}",
    ]
