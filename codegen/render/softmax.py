"""C text of the softmax and its logarithm: one row, or a vector of neighbouring rows at once."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_softmax(kernel: Microkernel) -> list[str]:
    """Three passes: the largest, the sum of exponentials, the result."""
    return _row(kernel) if "row" in kernel.variant else _columns(kernel)


def _columns(kernel: Microkernel) -> list[str]:
    lanes = kernel.lanes
    power = "power_of_e(load(input + oy * inner) - most)"
    return [
        *_put(kernel),
        *entry_lines(kernel, ("layer->length > 0", "layer->inner > 0")),
        "  const ptrdiff_t inner = layer->inner;",
        f"  const int blocks = (layer->inner + {lanes - 1}) / {lanes};",
        "  for (int unit = begin; unit < end; ++unit) {",
        f"    const ptrdiff_t ox = unit % blocks * (ptrdiff_t){lanes};",
        "    const ptrdiff_t first = (ptrdiff_t)(unit / blocks) * layer->length * inner + ox;",
        "    const float *input = layer->input + first;",
        "    float *output = layer->output + first;",
        "    vector most = load(input);",
        "    for (ptrdiff_t oy = 1; oy < layer->length; ++oy) {",
        "      most = larger(most, load(input + oy * inner));",
        "    }",
        "    vector total = {0};",
        "    for (ptrdiff_t oy = 0; oy < layer->length; ++oy) {",
        *_power(kernel, power, "output + oy * inner", "inner - ox"),
        "    }",
        f"    const vector divisor = {_divisor(kernel, 'total')};",
        "    for (ptrdiff_t oy = 0; oy < layer->length; ++oy) {",
        *_result(kernel, "oy * inner", "inner - ox"),
        "    }",
        "  }",
        "}",
    ]


def _row(kernel: Microkernel) -> list[str]:
    lanes = kernel.lanes
    low = "-__builtin_inff()"
    power = f"power_of_e(load_first(input + ox, length - ox, {low}) - most)"
    return [
        *_put(kernel),
        *entry_lines(kernel, ("layer->length > 0", "layer->inner == 1")),
        "  const ptrdiff_t length = layer->length;",
        "  for (int unit = begin; unit < end; ++unit) {",
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
        *_power(kernel, power, "output + ox", "length - ox"),
        "    }",
        f"    for (int width = {lanes // 2}; width > 0; width /= 2) {{",
        "      total += moved_down(total, width);",
        "    }",
        f"    const vector divisor = {_divisor(kernel, 'broadcast(total[0])')};",
        f"    for (ptrdiff_t ox = 0; ox < length; ox += {lanes}) {{",
        *_result(kernel, "ox", "length - ox"),
        "    }",
        "  }",
        "}",
    ]


def _put(kernel: Microkernel) -> list[str]:
    """A store of whole vectors, or of what is left."""
    return [
        "static inline void put(float *to, vector value, ptrdiff_t left) {",
        f"  if (left >= {kernel.lanes}) {{",
        "    store(to, value);",
        "  } else {",
        "    store_part(to, value, left);",
        "  }",
        "}",
        "",
    ]


def _power(kernel: Microkernel, power: str, place: str, left: str) -> list[str]:
    """Exponentials are kept where the result will stand; a logarithm does not need them again."""
    if "log" in kernel.variant:
        return [f"      total += {power};"]
    return [
        f"      const vector power = {power};",
        "      total += power;",
        f"      put({place}, power, {left});",
    ]


def _divisor(kernel: Microkernel, total: str) -> str:
    return f"logarithm({total})" if "log" in kernel.variant else f"1.0f / {total}"


def _result(kernel: Microkernel, place: str, left: str) -> list[str]:
    if "log" in kernel.variant:
        value = f"load(input + {place}) - most - divisor"
    else:
        value = f"load(output + {place}) * divisor"
    return [f"      put(output + {place}, {value}, {left});"]
