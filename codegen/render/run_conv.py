"""C text of the convolution by runs: the inputs of one pattern in registers, sums in the cache."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.kernels.pattern_conv import CHANNEL_BLOCK, ENTRIES
from codegen.render.filter_block import (
    at,
    begin_lines,
    block_limit,
    entry,
    mask_lines,
    store_lines,
    times,
)


def render_run_conv(kernel: Microkernel) -> list[str]:
    """For each width of a tile: a run, a block of channels, the tile; then the loop over tiles."""
    lines = [*_types(), *block_limit(kernel)]
    for width in range(1, kernel.tile[1] + 1):
        lines += [*_run(kernel, width), "", *_channels(width), "", *_tile(kernel, width), ""]
    return [*lines, *entry(kernel)]


def _types() -> list[str]:
    return [
        "/* Where reading the packed kernels has come to. */",
        "typedef struct {",
        "  const uint16_t *classes;",
        "  const uint8_t *runs;",
        "  const uint8_t *filters;",
        "  const float *weights;",
        "} cursor;",
        "",
    ]


def _run(kernel: Microkernel, width: int) -> list[str]:
    lines = [
        "/* Kernels of one input channel and pattern: its inputs are loaded once for all. */",
        f"static inline void run_{width}(vector *sums, const float *input, const int32_t *taps,",
        "                         int count, const uint8_t *filters, const float *weights) {",
    ]
    for entry_index in range(ENTRIES):
        for v in range(width):
            x = f"x_{entry_index}_{v}"
            where = f"input + taps[{entry_index}]{at(kernel, v)}"
            lines.append(f"  const vector {x} = load({where});")
    lines += [
        "  for (int oc = 0; oc < count; ++oc) {",
        f"    vector *sum = sums + {times(width)}filters[oc];",
        f"    const float *w = weights + {ENTRIES} * oc;",
        "    const vector w_0 = broadcast(w[0]);",
    ]
    lines += [f"    const vector y_{v} = sum[{v}] + w_0 * x_0_{v};" for v in range(width)]
    lines += [f"    const vector w_{e} = broadcast(w[{e}]);" for e in range(1, ENTRIES)]
    for v in range(width):
        terms = "".join(f" + w_{e} * x_{e}_{v}" for e in range(1, ENTRIES))
        lines.append(f"    sum[{v}] = y_{v}{terms};")
    return [*lines, "  }", "}"]


def _channels(width: int) -> list[str]:
    return [
        "/* Runs of equal length follow each other, so that the end of a run is foreseen. */",
        f"static inline cursor channels_{width}(const punchcard_conv_runs *layer, vector *sums,",
        "                               const float *input, cursor at) {",
        "  const int lengths = *at.classes++;",
        "  for (int class = 0; class < lengths; ++class) {",
        "    const int kernels = *at.classes++;",
        "    const int runs = *at.classes++;",
        "    for (int run = 0; run < runs; ++run) {",
        "      const float *x = input + layer->planes[at.runs[0]];",
        f"      const int32_t *taps = layer->taps + {ENTRIES} * at.runs[1];",
        f"      run_{width}(sums, x, taps, kernels, at.filters, at.weights);",
        "      at.runs += 2;",
        "      at.filters += kernels;",
        f"      at.weights += {ENTRIES} * kernels;",
        "    }",
        "  }",
        "  return at;",
        "}",
    ]


def _tile(kernel: Microkernel, width: int) -> list[str]:
    return [
        f"static void tile_{width}(const punchcard_conv_runs *layer, ptrdiff_t position) {{",
        f"  vector sums[{times(width)}MOST_FILTERS];",
        "  cursor at = {layer->classes, layer->runs, layer->filters, layer->weights};",
        *mask_lines(kernel, width),
        "  for (int first = 0; first < layer->filter_count; first += layer->block) {",
        *begin_lines(width),
        "    const float *input = layer->input + position;",
        f"    for (int ic = 0; ic < layer->channels; ic += {CHANNEL_BLOCK}) {{",
        f"      at = channels_{width}(layer, sums, input, at);",
        f"      input += {CHANNEL_BLOCK} * layer->input_plane;",
        "    }",
        *store_lines(kernel, width),
        "  }",
        "}",
    ]
