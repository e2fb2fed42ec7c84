"""C text of the group convolution: tiles of filters x vectors held in registers."""

from __future__ import annotations

from codegen.kernels.group_conv import AHEAD
from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines
from codegen.render.wrapped import wrapped


def render_group_conv(kernel: Microkernel) -> list[str]:
    """One function for each width of a tile, and the loop over tiles."""
    lines: list[str] = []
    for width in range(1, kernel.tile[1] + 1):
        lines += [*_finish(kernel, width), "", *_tile(kernel, width), ""]
    lines += entry_lines(kernel, ("layer->width > 0", "layer->groups > 0"))
    lines += [
        "  for (int ox = begin; ox < end; ox += layer->width) {",
        "    const int left = end - ox < layer->width ? end - ox : layer->width;",
        f"    const ptrdiff_t position = (ptrdiff_t)ox * {kernel.lanes};",
        "    switch (left) {",
    ]
    for width in range(1, kernel.tile[1] + 1):
        label = "default" if width == kernel.tile[1] else f"case {width}"
        lines += [f"      {label}:", f"        tile_{width}(layer, position);", "        break;"]
    return [*lines, "    }", "  }", "}"]


def _finish(kernel: Microkernel, width: int) -> list[str]:
    """The store of one filter: residual, activation, zeros outside the picture."""
    sums = ", ".join(f"vector sum_{v}" for v in range(width))
    sets = ", ".join(f"lanes set_{v}" for v in range(width))
    added = "const float *residual, " if "add" in kernel.variant else ""
    head = (
        f"static inline void finish_{width}(float *output, {added}float alpha, {sums}, {sets}) {{"
    )
    lines = wrapped(head)
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        value = f"sum_{v} + load(residual{at})" if added else f"sum_{v}"
        lines.append(f"  store(output{at}, keep(activate({value}, alpha, 0.0f), set_{v}));")
    return [*lines, "}"]


def _tile(kernel: Microkernel, width: int) -> list[str]:
    rows = kernel.tile[0]
    adds = "add" in kernel.variant
    lines = [
        f"static void tile_{width}(const {_STRUCT} *layer, ptrdiff_t position) {{",
        "  const float *input = layer->input + position;",
    ]
    if adds:
        lines.append("  const float *residual = layer->residual + position;")
    lines += [
        "  float *output = layer->output + position;",
        "  const int32_t *offsets = layer->offsets;",
        "  const float *weights = layer->weights;",
        "  const float *bias = layer->bias;",
        "  const int32_t *planes = layer->planes;",
        "  const float alpha = layer->alpha;",
    ]
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        lines.append(f"  const lanes set_{v} = load_mask(layer->mask + position{at});")
    lines += [
        "  for (int oc = 0; oc < layer->groups; ++oc) {",
        "    const int count = layer->starts[oc + 1] - layer->starts[oc];",
    ]
    lines += [*start_lines(rows, width), *loop_lines(kernel, width)]
    lines.append("    offsets += count;")
    for r in range(rows):
        sums = ", ".join(f"sum_{r}_{v}" for v in range(width))
        sets = ", ".join(f"set_{v}" for v in range(width))
        added = f"residual + planes[{r}], " if adds else ""
        call = f"finish_{width}(output + planes[{r}], {added}alpha, {sums}, {sets});"
        lines += wrapped(f"    {call}")
    return [*lines, f"    bias += {rows};", f"    planes += {rows};", "  }", "}"]


def start_lines(rows: int, width: int) -> list[str]:
    """Sums of a tile, from the bias."""
    lines = []
    for r in range(rows):
        first = f"    vector sum_{r}_0 = broadcast(bias[{r}])"
        rest = "".join(f", sum_{r}_{v} = sum_{r}_0" for v in range(1, width))
        lines += wrapped(first + rest + ";")
    return lines


def loop_lines(kernel: Microkernel, width: int, more: tuple[str, ...] = ()) -> list[str]:
    """The loop over the offsets of a group; `more` stands behind the products of each."""
    rows = kernel.tile[0]
    lines = [
        "    for (int ic = 0; ic < count; ++ic) {",
        "      const float *x = input + offsets[ic];",
        *_prefetch(kernel, width),
    ]
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        lines.append(f"      const vector x_{v} = load(x{at});")
    # Vectors of four multiply by a lane of another: so one load brings four weights. Tiles for
    # few registers have none for them.
    by_lane = kernel.lanes == 4 and rows % 4 == 0 and rows * kernel.tile[1] > _FEW_SUMS
    if by_lane:
        lines += [
            f"      const vector w_{r // 4} = load(weights{f' + {r}' if r else ''});"
            for r in range(0, rows, 4)
        ]
    weights = [f"w_{r // 4}[{r % 4}]" if by_lane else f"weights[{r}]" for r in range(rows)]
    lines += [
        f"      sum_{r}_{v} += {weights[r]} * x_{v};" for r in range(rows) for v in range(width)
    ]
    return [*lines, *more, f"      weights += {rows};", "    }"]


def _prefetch(kernel: Microkernel, width: int) -> list[str]:
    """Inputs of a later offset; with few uses of each weight, weights too.

    Measured on maps of 14 to 224: the inputs of a tile over all channels outgrow the first cache,
    and without this a sum waits for each. Weights: 25 % of a whole VGG-16 on 4x4 and 2x2 maps of
    512 channels, where they come from memory; wide tiles gain nothing.
    """
    line = 64 // 4
    lines = [f"      const float *later = input + offsets[ic + {AHEAD}];"]
    for start in range(0, -(-width * kernel.lanes // line) + 1):
        at = f" + {start * line}" if start else ""
        lines.append(f"      __builtin_prefetch(later{at});")
    if width <= 2:
        lines.append(f"      __builtin_prefetch(weights + {_AHEAD_FLOATS});")
    return lines


_AHEAD_FLOATS = 1024
_FEW_SUMS = 12
_STRUCT = "punchcard_conv_group"
