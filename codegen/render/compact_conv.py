"""C text of the group convolution on small maps: a group's whole map, then its rows."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines
from codegen.render.group_conv import loop_lines, start_lines
from codegen.render.wrapped import wrapped


def render_compact_conv(kernel: Microkernel) -> list[str]:
    """A function for each width of a tile, one that spreads rows, and the loop over groups.

    With the variant "odd" the last tile takes one position more: for it the filters of the group
    are the lanes of a vector.
    """
    most = kernel.tile[1]
    lines: list[str] = []
    if "odd" in kernel.variant:
        size = f"vector_size({4 * kernel.tile[0]}), aligned(4), may_alias"
        lines += [f"typedef float filters __attribute__(({size}));", ""]
    for width in range(1, most + 1):
        lines += [*_tile(kernel, width, is_odd=False), ""]
    if "odd" in kernel.variant:
        lines += [*_tile(kernel, most, is_odd=True), ""]
    return [*lines, *_spread(kernel), "", *_entry(kernel)]


_STRUCT = "punchcard_conv_compact"


def _tile(kernel: Microkernel, width: int, *, is_odd: bool) -> list[str]:
    rows, lanes = kernel.tile[0], kernel.lanes
    name = f"tile_{width}_and_one" if is_odd else f"tile_{width}"
    lines = [
        f"static void {name}(const {_STRUCT} *layer, int oc, ptrdiff_t position) {{",
        "  const float *input = layer->input + position;",
        "  const int32_t *offsets = layer->offsets + layer->starts[oc];",
        f"  const float *weights = layer->weights + (ptrdiff_t)layer->starts[oc] * {rows};",
        f"  const float *bias = layer->bias + (ptrdiff_t)oc * {rows};",
        "  float *sums = layer->sums + position;",
        "  const int count = layer->starts[oc + 1] - layer->starts[oc];",
    ]
    body = [*start_lines(rows, width)]
    more: tuple[str, ...] = ()
    if is_odd:
        body.append("    filters last = *(const filters *)bias;")
        more = (f"      last += x[{width * lanes}] * *(const filters *)weights;",)
    body += loop_lines(kernel, width, more)
    lines += [line[2:] for line in body]
    for r in range(rows):
        for v in range(width):
            at = f" + {v * lanes}" if v else ""
            lines.append(f"  store(sums{at}, sum_{r}_{v});")
        if is_odd:
            lines.append(f"  sums[{width * lanes}] = last[{r}];")
        if r + 1 < rows:
            lines.append("  sums += layer->sums_plane;")
    return [*lines, "}"]


def _spread(kernel: Microkernel) -> list[str]:
    """Rows from first to last: zeros behind one are written over by the next."""
    lanes = kernel.lanes
    adds = "add" in kernel.variant
    value = "sum + load(residual + ox)" if adds else "sum"
    numbers = ", ".join(str(lane) for lane in range(lanes))
    lines = [
        "/* Sums of one filter to its plane, with zeros in the pad columns. */",
        f"static void spread(const {_STRUCT} *layer, const float *sums, ptrdiff_t plane) {{",
        *wrapped(f"  const lanes number = {{{numbers}}};"),
        "  float *output = layer->output + plane;",
    ]
    if adds:
        lines.append("  const float *residual = layer->residual + plane;")
    lines += [
        "  for (int oy = 0; oy < layer->height; ++oy) {",
        f"    for (int ox = 0; ox < layer->width; ox += {lanes}) {{",
        "      const vector sum = load(sums + ox);",
        f"      const vector value = activate({value}, layer->alpha, 0.0f);",
        "      store(output + ox, keep(value, number < layer->width - ox));",
        "    }",
        "    sums += layer->width;",
        "    output += layer->output_row;",
    ]
    if adds:
        lines.append("    residual += layer->output_row;")
    return [*lines, "  }", "}"]


def _entry(kernel: Microkernel) -> list[str]:
    rows, most, lanes = kernel.tile[0], kernel.tile[1], kernel.lanes
    is_odd = "odd" in kernel.variant
    lines = [
        *entry_lines(kernel, ("layer->vectors > 0",)),
        "  for (int oc = begin; oc < end; ++oc) {",
    ]
    if most > 1:
        lines += [f"    int ox = layer->vectors % {most};", "    switch (ox) {"]
        for width in range(1, most):
            label = "default" if width == most - 1 else f"case {width}"
            lines += [f"      {label}:", f"        tile_{width}(layer, oc, 0);", "        break;"]
        lines[-3 * (most - 1) : -3 * (most - 1)] = ["      case 0:", "        break;"]
        lines.append("    }")
    else:
        lines.append("    int ox = 0;")
    before = f" - {most}" if is_odd else ""
    lines += [
        f"    for (; ox < layer->vectors{before}; ox += {most}) {{",
        f"      tile_{most}(layer, oc, (ptrdiff_t)ox * {lanes});",
        "    }",
    ]
    if is_odd:
        lines.append(f"    tile_{most}_and_one(layer, oc, (ptrdiff_t)ox * {lanes});")
    lines += [
        f"    for (int lane = 0; lane < {rows}; ++lane) {{",
        "      const float *sums = layer->sums + (ptrdiff_t)lane * layer->sums_plane;",
        f"      spread(layer, sums, layer->planes[(ptrdiff_t)oc * {rows} + lane]);",
        "    }",
    ]
    return [*lines, "  }", "}"]
