"""C text of the depthwise convolution: one channel after another, tiles of vectors."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_depthwise_conv(kernel: Microkernel) -> list[str]:
    """A wide tile, a tile of one vector for what is left, and the loop over channels."""
    lines: list[str] = []
    for width in dict.fromkeys((kernel.tile[1], 1)):
        lines += [*_tile(kernel, width), ""]
    wide = kernel.tile[1]
    return [
        *lines,
        *entry_lines(kernel, ("layer->starts != NULL",)),
        "  for (int oc = begin; oc < end; ++oc) {",
        "    int ox = 0;",
        f"    for (; ox + {wide} <= layer->vectors; ox += {wide}) {{",
        f"      tile_{wide}(layer, oc, (ptrdiff_t)ox * {kernel.lanes});",
        "    }",
        "    for (; ox < layer->vectors; ++ox) {",
        f"      tile_1(layer, oc, (ptrdiff_t)ox * {kernel.lanes});",
        "    }",
        "  }",
        "}",
    ]


def _tile(kernel: Microkernel, width: int) -> list[str]:
    adds = "add" in kernel.variant
    struct = f"const punchcard_{kernel.family} *layer"
    lines = [
        f"static void tile_{width}({struct}, int oc, ptrdiff_t position) {{",
        "  const float *input = layer->input + oc * layer->input_plane + position;",
        "  const ptrdiff_t plane = oc * layer->output_plane + position;",
        "  const int32_t *mask = layer->mask + position;",
        "  vector sum_0 = broadcast(layer->bias[oc]);",
    ]
    lines += [f"  vector sum_{v} = sum_0;" for v in range(1, width)]
    lines += [
        "  for (int weight = layer->starts[oc]; weight < layer->starts[oc + 1]; ++weight) {",
        "    const float *x = input + layer->offsets[layer->taps[weight]];",
        "    const vector w = broadcast(layer->weights[weight]);",
    ]
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        lines.append(f"    sum_{v} += w * load(x{at});")
    lines.append("  }")
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        value = f"sum_{v} + load(layer->residual + plane{at})" if adds else f"sum_{v}"
        lines += [
            f"  sum_{v} = activate({value}, layer->alpha, 0.0f);",
            f"  store(layer->output + plane{at}, keep(sum_{v}, load_mask(mask{at})));",
        ]
    return [*lines, "}"]
