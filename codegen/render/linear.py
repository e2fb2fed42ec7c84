"""C text of the fully connected layer: vectors of outputs, several rows under way."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines

_SUMS = 8
_AHEAD_FLOATS = 1024  # kernels.md section 4: 4 KiB ahead beat 1 KiB


def render_linear(kernel: Microkernel) -> list[str]:
    """One function: blocks, rows taken several at a time, the rows left, the store."""
    width = kernel.tile[1]
    unroll = _SUMS // width
    block = width * kernel.lanes
    lines = entry_lines(kernel)
    lines += [
        "  for (int oc = begin; oc < end; ++oc) {",
        "    const int last = layer->starts[oc + 1];",
        "    int ic = layer->starts[oc];",
        f"    const float *weights = layer->weights + (ptrdiff_t)ic * {block};",
        f"    const float *bias = layer->bias + (ptrdiff_t)oc * {block};",
    ]
    for u in range(unroll):
        for v in range(width):
            at = f" + {v * kernel.lanes}" if v else ""
            start = f"load(bias{at})" if u == 0 else "{0}"
            lines.append(f"    vector sum_{u}_{v} = {start};")
    lines += [
        f"    for (; ic + {unroll} <= last; ic += {unroll}) {{",
        f"      __builtin_prefetch(weights + {_AHEAD_FLOATS});",
    ]
    for u in range(unroll):
        index = f"ic + {u}" if u else "ic"
        lines.append(f"      const float x_{u} = layer->input[layer->indices[{index}]];")
    for u in range(unroll):
        for v in range(width):
            skipped = (u * width + v) * kernel.lanes
            source = f"weights + {skipped}" if skipped else "weights"
            lines.append(f"      sum_{u}_{v} += x_{u} * load({source});")
    lines += [
        f"      weights += {unroll * block};",
        "    }",
        "    for (; ic < last; ++ic) {",
        "      const float x = layer->input[layer->indices[ic]];",
    ]
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        lines.append(f"      sum_0_{v} += x * load(weights{at});")
    lines += [f"      weights += {block};", "    }"]
    lines.append(f"    float *output = layer->output + (ptrdiff_t)oc * {block};")
    for v in range(width):
        total = " + ".join(f"sum_{u}_{v}" for u in range(unroll))
        at = f" + {v * kernel.lanes}" if v else ""
        lines.append(f"    const vector total_{v} = {total};")
        lines.append(f"    store(output{at}, activate(total_{v}, layer->alpha, 0.0f));")
    return [*lines, "  }", "}"]
