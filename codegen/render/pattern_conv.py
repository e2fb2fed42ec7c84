"""C text of the pattern convolution: the inputs of a pattern in registers, sums in the cache."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.kernels.pattern_conv import ENTRIES, MOST_FILTERS
from codegen.render.entry import entry_lines
from codegen.render.wrapped import wrapped


def render_pattern_conv(kernel: Microkernel) -> list[str]:
    """For each width of a tile: its runs, its stores; then the loop over tiles and blocks."""
    widths = range(1, kernel.tile[1] + 1)
    lines = [f"enum {{ MOST_FILTERS = {MOST_FILTERS} }};", ""]
    for width in widths:
        lines += [*_run(kernel, width), "", *_tile(kernel, width), ""]
    lines += [
        *entry_lines(kernel, ("layer->width > 0", "layer->filter_count > 0")),
        "  for (int ox = begin; ox < end; ox += layer->width) {",
        "    const int left = end - ox < layer->width ? end - ox : layer->width;",
        f"    const ptrdiff_t position = (ptrdiff_t)ox * {kernel.lanes};",
        "    switch (left) {",
    ]
    for width in widths:
        label = "default" if width == widths[-1] else f"case {width}"
        lines += [f"      {label}:", f"        tile_{width}(layer, position);", "        break;"]
    return [*lines, "    }", "  }", "}"]


def _run(kernel: Microkernel, width: int) -> list[str]:
    lines = [
        "/* Kernels of one input channel and pattern: its inputs are loaded once for all. */",
        f"static inline void run_{width}(vector *sums, const float *input, const int32_t *run,",
        "                         const uint16_t *filters, const float *weights) {",
    ]
    for entry in range(ENTRIES):
        for v in range(width):
            at = f" + {v * kernel.lanes}" if v else ""
            lines.append(f"  const vector x_{entry}_{v} = load(input + run[{entry}]{at});")
    lines += [
        f"  for (int oc = 0; oc < run[{ENTRIES}]; ++oc) {{",
        f"    vector *sum = sums + (ptrdiff_t)filters[oc] * {width};",
        f"    const float *w = weights + (ptrdiff_t)oc * {ENTRIES};",
    ]
    for v in range(width):
        terms = "".join(f" + w[{entry}] * x_{entry}_{v}" for entry in range(ENTRIES))
        lines.append(f"    sum[{v}] = sum[{v}]{terms};")
    return [*lines, "  }", "}"]


def _tile(kernel: Microkernel, width: int) -> list[str]:
    adds = "add" in kernel.variant
    lines = [
        f"static void tile_{width}(const punchcard_conv_pattern *layer, ptrdiff_t position) {{",
        f"  vector sums[MOST_FILTERS * {width}];",
        "  const float *input = layer->input + position;",
        "  const uint16_t *filters = layer->filters;",
        "  const float *weights = layer->weights;",
    ]
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        lines.append(f"  const lanes set_{v} = load_mask(layer->mask + position{at});")
    lines += [
        "  for (int first = 0; first < layer->filter_count; first += MOST_FILTERS) {",
        "    const int rest = layer->filter_count - first;",
        "    const int count = rest < MOST_FILTERS ? rest : MOST_FILTERS;",
        "    for (int oc = 0; oc < count; ++oc) {",
        "      const vector bias = broadcast(layer->bias[first + oc]);",
    ]
    lines += [f"      sums[oc * {width} + {v}] = bias;" for v in range(width)]
    lines += [
        "    }",
        "    const int32_t *starts = layer->starts + first / MOST_FILTERS;",
        "    for (int ic = starts[0]; ic < starts[1]; ++ic) {",
        f"      const int32_t *run = layer->runs + (ptrdiff_t)ic * {ENTRIES + 1};",
        f"      run_{width}(sums, input, run, filters, weights);",
        f"      filters += run[{ENTRIES}];",
        f"      weights += (ptrdiff_t)run[{ENTRIES}] * {ENTRIES};",
        "    }",
        "    for (int oc = 0; oc < count; ++oc) {",
        "      const ptrdiff_t plane = (first + oc) * layer->output_plane + position;",
        f"      const vector *sum = sums + oc * {width};",
    ]
    for v in range(width):
        at = f" + {v * kernel.lanes}" if v else ""
        value = f"sum[{v}] + load(layer->residual + plane{at})" if adds else f"sum[{v}]"
        lines += wrapped(f"      const vector y_{v} = activate({value}, layer->alpha, 0.0f);")
        lines.append(f"      store(layer->output + plane{at}, keep(y_{v}, set_{v}));")
    return [*lines, "    }", "  }", "}"]
