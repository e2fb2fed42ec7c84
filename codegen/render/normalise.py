"""C text of normalised rows and of the local response among channels."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_normalise(kernel: Microkernel) -> list[str]:
    """Mean, then variance around it, then the result: sums of squares alone would cancel."""
    lanes = kernel.lanes
    by_element = "element" in kernel.variant
    gamma = "load(layer->gamma + ox)" if by_element else "layer->gamma[channel]"
    beta = "load(layer->beta + ox)" if by_element else "layer->beta[channel]"
    channel = [] if by_element else ["    const int channel = row % layer->channels;"]
    return [
        "static float sum_of_lanes(vector total) {",
        f"  for (int width = {lanes // 2}; width > 0; width /= 2) {{",
        "    total += moved_down(total, width);",
        "  }",
        "  return total[0];",
        "}",
        "",
        *entry_lines(kernel, ("layer->length > 0", "layer->channels > 0")),
        "  const ptrdiff_t length = layer->length;",
        "  const float share = 1.0f / (float)length;",
        "  for (int row = begin; row < end; ++row) {",
        "    const float *input = layer->input + row * length;",
        "    float *output = layer->output + row * length;",
        *channel,
        "    vector total = {0};",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {lanes}) {{",
        "      total += load_first(input + ox, length - ox, 0.0f);",
        "    }",
        "    const float mean = sum_of_lanes(total) * share;",
        "    vector squares = {0};",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {lanes}) {{",
        "      const vector away = load_first(input + ox, length - ox, mean) - mean;",
        "      squares += away * away;",
        "    }",
        "    const float variance = sum_of_lanes(squares) * share;",
        "    const float scale = 1.0f / __builtin_sqrtf(variance + layer->epsilon);",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {lanes}) {{",
        f"      const vector value = (load(input + ox) - mean) * scale * {gamma} + {beta};",
        f"      if (ox + {lanes} <= length) {{",
        "        store(output + ox, value);",
        "      } else {",
        "        store_part(output + ox, value, length - ox);",
        "      }",
        "    }",
        "  }",
        "}",
    ]


def render_local_response(kernel: Microkernel) -> list[str]:
    """Each plane reads the planes of its window; a power is e to the multiple of a logarithm."""
    lanes = kernel.lanes
    return [
        *entry_lines(kernel, ("layer->channels > 0", "layer->length > 0")),
        "  const ptrdiff_t length = layer->length;",
        "  for (int plane = begin; plane < end; ++plane) {",
        "    const int oc = plane % layer->channels;",
        "    const int left = layer->channels - 1 - oc;",
        "    const int first = -(oc < layer->before ? oc : layer->before);",
        "    const int last = left < layer->after ? left : layer->after;",
        "    const float *input = layer->input + plane * length;",
        "    float *output = layer->output + plane * length;",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {lanes}) {{",
        "      vector squares = {0};",
        "      for (ptrdiff_t other = first; other <= last; ++other) {",
        "        const vector x = load(input + other * length + ox);",
        "        squares += x * x;",
        "      }",
        "      const vector divisor = squares * layer->scale + layer->bias;",
        "      const vector factor = power_of_e(logarithm(divisor) * -layer->beta);",
        "      const vector value = load(input + ox) * factor;",
        f"      if (ox + {lanes} <= length) {{",
        "        store(output + ox, value);",
        "      } else {",
        "        store_part(output + ox, value, length - ox);",
        "      }",
        "    }",
        "  }",
        "}",
    ]
