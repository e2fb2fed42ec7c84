"""C text of the softmax and its logarithm: one row, or a vector of neighbouring rows at once."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_softmax(kernel: Microkernel) -> list[str]:
    """Three passes: the largest, the sum of exponentials, the result."""
    return _row(kernel) if "row" in kernel.variant else _columns(kernel)


def _columns(kernel: Microkernel) -> list[str]:
    lanes = kernel.lanes
    if "log" in kernel.variant:
        last = "load(input + oy * inner) - most - divisor"
        divisor = "logarithm(total)"
    else:
        last, divisor = "power_of_e(load(input + oy * inner) - most) * divisor", "1.0f / total"
    return [
        *entry_lines(kernel, ("layer->length > 0", "layer->inner > 0")),
        "  const ptrdiff_t inner = layer->inner;",
        f"  const int blocks = (layer->inner + {lanes - 1}) / {lanes};",
        "  for (int unit = begin; unit < end; ++unit) {",
        f"    const ptrdiff_t ox = unit % blocks * (ptrdiff_t){lanes};",
        "    const ptrdiff_t first = (ptrdiff_t)(unit / blocks) * layer->length * inner + ox;",
        "    const float *input = layer->input + first;",
        "    float *output = layer->output + first;",
        f"    const ptrdiff_t count = inner - ox < {lanes} ? inner - ox : {lanes};",
        "    vector most = load(input);",
        "    for (ptrdiff_t oy = 1; oy < layer->length; ++oy) {",
        "      most = larger(most, load(input + oy * inner));",
        "    }",
        "    vector total = {0};",
        "    for (ptrdiff_t oy = 0; oy < layer->length; ++oy) {",
        "      total += power_of_e(load(input + oy * inner) - most);",
        "    }",
        f"    const vector divisor = {divisor};",
        "    for (ptrdiff_t oy = 0; oy < layer->length; ++oy) {",
        f"      const vector value = {last};",
        f"      if (count == {lanes}) {{",
        "        store(output + oy * inner, value);",
        "      } else {",
        "        store_part(output + oy * inner, value, count);",
        "      }",
        "    }",
        "  }",
        "}",
    ]


def _row(kernel: Microkernel) -> list[str]:
    lanes = kernel.lanes
    is_log = "log" in kernel.variant
    last = "x - most - divisor" if is_log else "power_of_e(x - most) * divisor"
    divisor = "logarithm(broadcast(total[0]))" if is_log else "broadcast(1.0f / total[0])"
    low = "-__builtin_inff()"
    return [
        *entry_lines(kernel, ("layer->length > 0", "layer->inner == 1")),
        "  for (int unit = begin; unit < end; ++unit) {",
        "    const ptrdiff_t length = layer->length;",
        "    const float *input = layer->input + unit * length;",
        "    float *output = layer->output + unit * length;",
        f"    vector most = broadcast({low});",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {lanes}) {{",
        f"      most = larger(most, load_first(input + ox, length - ox, {low}));",
        "    }",
        f"    for (int width = {lanes // 2}; width > 0; width /= 2) {{",
        "      most = larger(most, moved_down(most, width));",
        "    }",
        "    most = broadcast(most[0]);",
        "    vector total = {0};",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {lanes}) {{",
        f"      total += power_of_e(load_first(input + ox, length - ox, {low}) - most);",
        "    }",
        f"    for (int width = {lanes // 2}; width > 0; width /= 2) {{",
        "      total += moved_down(total, width);",
        "    }",
        f"    const vector divisor = {divisor};",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {lanes}) {{",
        "      const vector x = load(input + ox);",
        f"      const vector value = {last};",
        f"      if (ox + {lanes} <= length) {{",
        "        store(output + ox, value);",
        "      } else {",
        "        store_part(output + ox, value, length - ox);",
        "      }",
        "    }",
        "  }",
        "}",
    ]
