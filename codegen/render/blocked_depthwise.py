"""C text of the depthwise convolution over blocks of channels: one product a tap, all aligned."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_blocked_depthwise(kernel: Microkernel) -> list[str]:
    """A wide tile, a tile of one pixel for what is left, and the loop over rows of blocks."""
    wide, lanes = kernel.tile[1], kernel.lanes
    step = lanes * (2 if "s2" in kernel.variant else 1)
    adds = "add" in kernel.variant
    lines: list[str] = []
    widths = [width for width in (wide, wide // 2, 1) if width]
    for width in dict.fromkeys(widths):
        lines += [*depthwise_tile(kernel, width, step), ""]
    lines += [
        *entry_lines(kernel, ("layer->taps > 0", "layer->height > 0")),
        "  for (int unit = begin; unit < end; ++unit) {",
        "    const int block = unit / layer->height;",
        "    const int oy = unit % layer->height;",
        "    const float *input =",
        "        layer->input + block * layer->input_plane + oy * layer->input_row;",
        "    float *output =",
        "        layer->output + block * layer->output_plane + oy * layer->output_row;",
    ]
    if adds:
        lines += [
            "    const float *residual =",
            "        layer->residual + block * layer->residual_plane + oy * layer->residual_row;",
        ]
    lines.append("    int ox = 0;")
    for width in dict.fromkeys(widths):
        residual = f"residual + (ptrdiff_t)ox * {lanes}, " if adds else ""
        condition = "ox < layer->width" if width == 1 else f"ox + {width} <= layer->width"
        lines += [
            f"    for (; {condition}; ox += {width}) {{",
            f"      tile_{width}(layer, block, input + (ptrdiff_t)ox * {step}, {residual}"
            f"output + (ptrdiff_t)ox * {lanes});",
            "    }",
        ]
    return [*lines, "  }", "}"]


def depthwise_tile(kernel: Microkernel, width: int, step: int, prefix: str = "") -> list[str]:
    """The function of so many pixels; its members of the struct carry a prefix."""
    lanes = kernel.lanes
    adds = "add" in kernel.variant
    residual = "const float *residual, " if adds else ""
    lines = [
        f"static void tile_{width}(const punchcard_{kernel.family} *layer, int block, "
        f"const float *input, {residual}float *output) {{",
        f"  const float *weights = layer->{prefix}weights +",
        f"                         (ptrdiff_t)block * layer->taps * {lanes};",
        f"  vector sum_0 = load(layer->{prefix}bias + (ptrdiff_t)block * {lanes});",
        *(f"  vector sum_{c} = sum_0;" for c in range(1, width)),
        "  for (int tap = 0; tap < layer->taps; ++tap) {",
        f"    const float *x = input + layer->{prefix}offsets[tap];",
        f"    const vector weight = load(weights + (ptrdiff_t)tap * {lanes});",
    ]
    columns = [f" + {c * step}" if c else "" for c in range(width)]
    lines += [f"    sum_{c} += weight * load(x{at});" for c, at in enumerate(columns)]
    lines.append("  }")
    for c in range(width):
        at = f" + {c * lanes}" if c else ""
        value = f"sum_{c} + load(residual{at})" if adds else f"sum_{c}"
        lines.append(f"  store(output{at}, activate({value}, layer->alpha, 0.0f));")
    return [*lines, "}"]
