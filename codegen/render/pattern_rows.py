"""C text of the pattern convolution over strips of rows: a row's inputs serve three output rows."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.kernels.pattern_loads import window_columns
from codegen.kernels.pattern_set import SIDE, masks_of
from codegen.render.entry import entry_lines
from codegen.render.filter_block import begin_lines, block_limit
from codegen.render.pattern_text import cursor_type, kernel_lines, picture, taps_of
from codegen.render.wrapped import wrapped


def render_pattern_rows(kernel: Microkernel) -> list[str]:
    """A channel's window, one function a pattern, the tile, the loop over strips and columns."""
    masks, rows = masks_of(kernel.variant), kernel.tile[0]
    lines = [*cursor_type(), *block_limit(kernel), *_window(masks, rows), ""]
    for index, mask in enumerate(masks):
        lines += [*_pattern(index, mask, rows), ""]
    return [*lines, *_channel(masks), "", *_tile(kernel), "", *_entry(kernel)]


def _window(masks: tuple[int, ...], rows: int) -> list[str]:
    columns = window_columns(masks)
    lines = [
        f"/* What a channel gives to {rows} rows of outputs: {rows + SIDE - 1} rows of inputs, "
        "each shifted",
        " * to the columns of a kernel. */",
        f"typedef struct {{ vector at[{rows + SIDE - 1}][{SIDE}]; }} window;",
        "",
        "static inline void load_window(window *x, const float *input, ptrdiff_t row) {",
    ]
    for iy in range(rows + SIDE - 1):
        start = f"input + {iy} * row" if iy else "input"
        for kx in columns:
            shift = f" + {kx}" if kx else ""
            lines.append(f"  x->at[{iy}][{kx}] = load({start}{shift});")
    return [*lines, "}"]


def _pattern(index: int, mask: int, rows: int) -> list[str]:
    taps = taps_of(mask)
    inputs = [[f"x->at[{oy + tap // SIDE}][{tap % SIDE}]" for tap in taps] for oy in range(rows)]
    return [
        *picture(mask),
        f"static inline cursor pattern_{index}(vector *sums, const window *x, cursor at) {{",
        f"  for (int left = at.counts[{index}]; left > 0; --left) {{",
        f"    vector *sum = sums + {rows} * at.filters[0];",
        *kernel_lines(inputs),
        "  }",
        "  return at;",
        "}",
    ]


def _channel(masks: tuple[int, ...]) -> list[str]:
    return [
        "static inline cursor channel(const punchcard_pattern_rows *layer, vector *sums,",
        "                             const float *input, cursor at) {",
        "  window x;",
        "  load_window(&x, input, layer->row);",
        *(f"  at = pattern_{index}(sums, &x, at);" for index in range(len(masks))),
        f"  at.counts += {len(masks)};",
        "  return at;",
        "}",
    ]


def _tile(kernel: Microkernel) -> list[str]:
    rows, adds = kernel.tile[0], "add" in kernel.variant
    lines = [
        "/* Lanes behind the last row belong to another thread. */",
        "static void tile(const punchcard_pattern_rows *layer, ptrdiff_t position, lanes set,",
        "                 ptrdiff_t columns) {",
        f"  vector sums[{rows} * MOST_FILTERS];",
        "  cursor at = {layer->counts, layer->filters, layer->weights};",
        "  const ptrdiff_t row = layer->row;",
        "  for (int first = 0; first < layer->filter_count; first += layer->block) {",
        *begin_lines(rows),
        "    const float *input = layer->input + position - row - 1;",
        "    for (int ic = 0; ic < layer->channels; ++ic) {",
        "      at = channel(layer, sums, input, at);",
        "      input += layer->input_plane;",
        "    }",
        "    for (int oc = 0; oc < count; ++oc) {",
        "      const ptrdiff_t plane = (first + oc) * layer->output_plane + position;",
        f"      const vector *sum = sums + {rows} * oc;",
    ]
    for oy in range(rows):
        here = f" + {oy} * row" if oy else ""
        value = f"sum[{oy}] + load(layer->residual + plane{here})" if adds else f"sum[{oy}]"
        lines += wrapped(
            f"      const vector y_{oy} = keep(activate({value}, layer->alpha, 0.0f), set);"
        )
        last = oy == rows - 1
        to = f"layer->output + plane{here}"
        call = f"store_part({to}, y_{oy}, columns)" if last else f"store({to}, y_{oy})"
        lines.append(f"      {call};")
    return [*lines, "    }", "  }", "}"]


def _entry(kernel: Microkernel) -> list[str]:
    lanes = kernel.lanes
    return [
        *entry_lines(kernel, ("layer->row > 0", "layer->block <= MOST_FILTERS")),
        "  for (int oy = begin; oy < end; ++oy) {",
        f"    for (int ox = 0; ox < layer->row; ox += {lanes}) {{",
        "      /* All rows have the same columns inside the picture. */",
        "      const lanes set = load_mask(layer->mask + ox);",
        "      const ptrdiff_t left = layer->row - ox;",
        f"      const ptrdiff_t columns = left < {lanes} ? left : {lanes};",
        f"      tile(layer, {kernel.tile[0]} * oy * layer->row + ox, set, columns);",
        "    }",
        "  }",
        "}",
    ]
