"""C text of the dense convolution: a block of positions stays in the second cache for all filters.

Weights of a group stay in the first cache over the block, and every output plane is written from
one end of the block to the other, as the hardware's prefetch likes it.
"""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines
from codegen.render.wrapped import wrapped

_LINE = 16
_AHEAD = 8
"""Channels; measured 4, 8 and 16 on 14x14 to 56x56 maps of 64 to 512 channels."""


def render_dense_conv(kernel: Microkernel) -> list[str]:
    """One function for each width of a tile, and the loop over blocks, groups and tiles."""
    rows, most = kernel.tile
    lines: list[str] = []
    for width in range(1, most + 1):
        lines += [*_finish(kernel, width), "", *_tile(kernel, width), ""]
    lines += [
        *entry_lines(kernel, ("layer->block > 0", "layer->tap_count > 0")),
        "  for (int first = begin; first < end; first += layer->block) {",
        "    const int last = end - first < layer->block ? end : first + layer->block;",
        f"    for (int oc = 0; oc < layer->filters; oc += {rows}) {{",
        "      for (int ox = first; ox < last;) {",
        "        const int left = last - ox;",
        f"        const ptrdiff_t position = (ptrdiff_t)ox * {kernel.lanes};",
        f"        /* Two tiles of {most - 1} rather than one full and one of a single vector. */",
        f"        const int full = left == {most + 1} ? {most - 1} : {most};",
        "        const int width = left < full ? left : full;",
        "        switch (width) {",
    ]
    for width in range(1, most + 1):
        label = "default" if width == most else f"case {width}"
        lines += [
            f"          {label}:",
            f"            tile_{width}(layer, oc, position);",
            "            break;",
        ]
    return [*lines, "        }", "        ox += width;", "      }", "    }", "  }", "}"]


def _finish(kernel: Microkernel, width: int) -> list[str]:
    """The store of one filter: residual, activation, zeros outside the picture."""
    adds = "add" in kernel.variant
    sums = ", ".join(f"vector sum_{v}" for v in range(width))
    lines = wrapped(
        f"static inline void finish_{width}(const punchcard_{kernel.family} *layer, int oc, "
        f"ptrdiff_t position, {sums}) {{"
    )
    lines += [
        "  const ptrdiff_t at = oc * layer->output_plane + position;",
        "  if (oc < layer->filters) {",
    ]
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        value = f"sum_{v} + load(layer->residual + at{at})" if adds else f"sum_{v}"
        lines += [
            f"    const vector x_{v} = activate({value}, layer->alpha, 0.0f);",
            f"    const lanes set_{v} = load_mask(layer->mask + position{at});",
            f"    store(layer->output + at{at}, keep(x_{v}, set_{v}));",
        ]
    return [*lines, "  }", "}"]


def _tile(kernel: Microkernel, width: int) -> list[str]:
    rows, lanes = kernel.tile[0], kernel.lanes
    struct = f"const punchcard_{kernel.family} *layer"
    lines = [
        f"static void tile_{width}({struct}, int oc, ptrdiff_t position) {{",
        "  const float *input = layer->input + position;",
        "  const float *weights = layer->weights;",
        "  weights += (ptrdiff_t)oc * layer->channels * layer->tap_count;",
        "  const float *bias = layer->bias + oc;",
    ]
    for r in range(rows):
        first = f"  vector sum_{r}_0 = broadcast(bias[{r}])"
        rest = "".join(f", sum_{r}_{v} = sum_{r}_0" for v in range(1, width))
        lines += wrapped(first + rest + ";")
    if "point" in kernel.variant:
        lines += [
            "  const float *x = input + layer->taps[0];",
            "  for (int ic = 0; ic < layer->channels; ++ic) {",
            *_prefetch("    ", width, lanes),
            *_products("    ", rows, width, lanes),
            "    x += layer->input_plane;",
            "  }",
        ]
    else:
        lines += [
            "  for (int ic = 0; ic < layer->channels; ++ic) {",
            "    for (int tap = 0; tap < layer->tap_count; ++tap) {",
            "      const float *x = input + layer->taps[tap];",
            *_products("      ", rows, width, lanes),
            "    }",
            "    input += layer->input_plane;",
            "  }",
        ]
    for r in range(rows):
        sums = ", ".join(f"sum_{r}_{v}" for v in range(width))
        lines.append(f"  finish_{width}(layer, oc + {r}, position, {sums});")
    return [*lines, "}"]


def _products(indent: str, rows: int, width: int, lanes: int) -> list[str]:
    lines = []
    for v in range(width):
        at = f" + {v * lanes}" if v else ""
        lines.append(f"{indent}const vector x_{v} = load(x{at});")
    for r in range(rows):
        lines += [f"{indent}sum_{r}_{v} += weights[{r}] * x_{v};" for v in range(width)]
    return [*lines, f"{indent}weights += {rows};"]


def _prefetch(indent: str, width: int, lanes: int) -> list[str]:
    """Inputs of a later channel: planes lie too far apart for the hardware to guess."""
    lines = [f"{indent}const float *later = x + {_AHEAD} * layer->input_plane;"]
    for start in range(0, width * lanes, max(_LINE, lanes)):
        at = f" + {start}" if start else ""
        lines.append(f"{indent}__builtin_prefetch(later{at});")
    return lines
