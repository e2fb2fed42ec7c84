"""C text of the pattern convolution: a channel's nine taps in registers, patterns in the code."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.kernels.pattern_loads import window_taps
from codegen.kernels.pattern_set import SIDE, masks_of
from codegen.render.filter_block import (
    at,
    begin_lines,
    block_limit,
    entry,
    mask_lines,
    store_lines,
    times,
)
from codegen.render.pattern_text import cursor_type, kernel_lines, picture, taps_of


def render_pattern_conv(kernel: Microkernel) -> list[str]:
    """For each width of a tile: a channel's window, one function a pattern, the tile."""
    masks = masks_of(kernel.variant)
    lines = [*cursor_type(), *block_limit(kernel)]
    for width in range(1, kernel.tile[1] + 1):
        lines += [*_window(kernel, masks, width), ""]
        for index, mask in enumerate(masks):
            lines += [*_pattern(index, mask, width), ""]
        lines += [*_channel(masks, width), "", *_tile(kernel, masks, width), ""]
    return [*lines, *entry(kernel)]


def _window(kernel: Microkernel, masks: tuple[int, ...], width: int) -> list[str]:
    used = window_taps(masks)
    lines = [
        "/* What a channel gives to a tile: the inputs of every tap, for all filters. */",
        f"typedef struct {{ vector tap[{SIDE * SIDE}][{width}]; }} window_{width};",
        "",
        f"static inline void load_window_{width}(window_{width} *x, const float *input,",
        "                                 const int32_t *taps) {",
    ]
    lines += [
        f"  x->tap[{tap}][{v}] = load(input + taps[{tap}]{at(kernel, v)});"
        for tap in used
        for v in range(width)
    ]
    return [*lines, "}"]


def _pattern(index: int, mask: int, width: int) -> list[str]:
    """The kernels of one pattern: only its taps are multiplied."""
    taps = taps_of(mask)
    lines = [
        *picture(mask),
        f"static inline cursor pattern_{index}_{width}(vector *sums, const window_{width} *x, "
        "cursor at) {",
        f"  for (int left = at.counts[{index}]; left > 0; --left) {{",
        f"    vector *sum = sums + {times(width)}at.filters[0];",
    ]
    inputs = [[f"x->tap[{tap}][{v}]" for tap in taps] for v in range(width)]
    return [*lines, *kernel_lines(inputs), "  }", "  return at;", "}"]


def _channel(masks: tuple[int, ...], width: int) -> list[str]:
    return [
        f"static inline cursor channel_{width}(const punchcard_conv_pattern *layer, vector *sums,",
        "                              const float *input, cursor at) {",
        f"  window_{width} x;",
        f"  load_window_{width}(&x, input, layer->taps);",
        *(f"  at = pattern_{index}_{width}(sums, &x, at);" for index in range(len(masks))),
        f"  at.counts += {len(masks)};",
        "  return at;",
        "}",
    ]


def _tile(kernel: Microkernel, masks: tuple[int, ...], width: int) -> list[str]:
    return [
        f"static void tile_{width}(const punchcard_conv_pattern *layer, ptrdiff_t position) {{",
        f"  vector sums[{times(width)}MOST_FILTERS];",
        "  cursor at = {layer->counts, layer->filters, layer->weights};",
        *mask_lines(kernel, width),
        "  for (int first = 0; first < layer->filter_count; first += layer->block) {",
        *begin_lines(width),
        "    const float *input = layer->input + position;",
        "    for (int ic = 0; ic < layer->channels; ++ic) {",
        f"      at = channel_{width}(layer, sums, input, at);",
        "      input += layer->input_plane;",
        "    }",
        *store_lines(kernel, width),
        "  }",
        "}",
    ]
