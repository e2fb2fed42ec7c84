"""C text of the Winograd convolution: spread the input, multiply point by point, collapse.

Lanes are channels throughout, so that any number of tiles fits; planes are transposed where they
are read and written.
"""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines
from codegen.render.winograd_transforms import transform_lines, transpose_lines
from codegen.render.wrapped import wrapped

_STRUCT = "punchcard_winograd"


def render_winograd(kernel: Microkernel) -> list[str]:
    """Helpers, the three stages, one block of tiles, and the loop over blocks."""
    edge = int(kernel.variant[0][1:])
    only_blocks = {"in", "out"} <= set(kernel.variant)
    lines = [] if only_blocks else [*transpose_lines(kernel.lanes), ""]
    lines += [*transform_lines(edge), ""]
    lines += [*_fetch(kernel, edge), "", *_spread_all(kernel, edge), ""]
    for tiles in range(1, kernel.tile[0] + 1):
        lines += [*_multiply(kernel, tiles), ""]
    lines += [*_multiply_all(kernel, edge), ""]
    lines += [*_put(kernel), "", *_collapse_all(kernel, edge), ""]
    return [*lines, *_entry(kernel)]


def _fetch(kernel: Microkernel, edge: int) -> list[str]:
    lanes = kernel.lanes
    if "in" in kernel.variant:
        return _fetch_pixels(kernel, edge)
    return [
        "/* The rows that one row of tiles reads, of one vector of channels, to the patch. */",
        f"static void fetch(const {_STRUCT} *layer, int ic, int ty) {{",
        "  const float *input = layer->input - layer->left;",
        f"  input += (ptrdiff_t)ic * {lanes} * layer->input_plane;",
        "  float *patch = layer->patch;",
        f"  for (int y = 0; y < {edge + 2}; ++y) {{",
        f"    const int iy = ty * {edge} + y - layer->top;",
        "    const float *row = input + iy * layer->input_row;",
        f"    for (int x = 0; x < layer->patch_columns; x += {lanes}) {{",
        f"      vector part[{lanes}] = {{{{0}}}};",
        "      if (iy >= 0 && iy < layer->input_height) {",
        f"        for (int i = 0; i < {lanes}; ++i) {{",
        "          part[i] = load(row + i * layer->input_plane + x);",
        "        }",
        "        transpose(part);",
        "      }",
        f"      for (int i = 0; i < {lanes}; ++i) {{",
        f"        store(patch + i * {lanes}, part[i]);",
        "      }",
        f"      patch += {lanes * lanes};",
        "    }",
        "  }",
        "}",
    ]


def _fetch_pixels(kernel: Microkernel, edge: int) -> list[str]:
    lanes = kernel.lanes
    return [
        "/* The rows that one row of tiles reads, of one block of channels, to the patch. */",
        f"static void fetch(const {_STRUCT} *layer, int ic, int ty) {{",
        "  const float *input = layer->input + ic * layer->input_plane;",
        "  float *patch = layer->patch;",
        f"  for (int y = 0; y < {edge + 2}; ++y) {{",
        f"    const int iy = ty * {edge} + y - layer->top;",
        "    const int has_row = iy >= 0 && iy < layer->input_height;",
        "    const float *row = input + iy * layer->input_row;",
        "    for (int x = 0; x < layer->patch_columns; ++x) {",
        "      const int ix = x - layer->left;",
        "      vector pixel = {0};",
        "      if (has_row && ix >= 0 && ix < layer->input_width) {",
        f"        pixel = load(row + (ptrdiff_t)ix * {lanes});",
        "      }",
        "      store(patch, pixel);",
        f"      patch += {lanes};",
        "    }",
        "  }",
        "}",
    ]


def _spread_all(kernel: Microkernel, edge: int) -> list[str]:
    lanes, points = kernel.lanes, edge + 2
    return [
        "/* The input of a block of tiles in Winograd's domain. */",
        f"static void spread_all(const {_STRUCT} *layer, int first, int rows, ptrdiff_t point) {{",
        f"  const ptrdiff_t row = (ptrdiff_t)layer->patch_columns * {lanes};",
        "  float *to = layer->spread;",
        f"  for (int ic = 0; ic * {lanes} < layer->channels; ++ic) {{",
        "    for (int ty = first; ty < first + rows; ++ty) {",
        "      fetch(layer, ic, ty);",
        "      float *patch = layer->patch;",
        f"      for (ptrdiff_t x = 0; x < row; x += {lanes}) {{",
        "        spread(patch + x, row, patch + x, row);",
        "      }",
        "      for (int tx = 0; tx < layer->tile_columns; ++tx) {",
        f"        for (int y = 0; y < {points}; ++y) {{",
        f"          spread(patch + y * row, {lanes}, to + y * {points} * point, point);",
        "        }",
        f"        patch += {edge * lanes};",
        f"        to += {lanes};",
        "      }",
        "    }",
        "  }",
        "}",
    ]


def _multiply(kernel: Microkernel, tiles: int) -> list[str]:
    lanes, vectors = kernel.lanes, kernel.tile[1]
    lines = [f"static void multiply_{tiles}(", *_MULTIPLY_ARGUMENTS]
    for t in range(tiles):
        names = ", ".join(f"sum_{t}_{v} = {{0}}" for v in range(vectors))
        lines.append(f"  vector {names};")
    lines += [
        f"  for (int ic = 0; ic < channels; ic += {lanes}) {{",
        f"    for (const float *x = spread; x < spread + {lanes}; ++x) {{",
        "      __builtin_prefetch(later, 0, 2);",
        "      __builtin_prefetch(later + half, 0, 2);",
        "      later += 2 * half;",
    ]
    for v in range(vectors):
        at = f" + {v * lanes}" if v else ""
        lines.append(f"      const vector w_{v} = load(weights{at});")
    for t in range(tiles):
        for v in range(vectors):
            lines.append(f"      sum_{t}_{v} += x[{t * lanes}] * w_{v};")
    lines += [f"      weights += {vectors * lanes};", "    }", "    spread += step;", "  }"]
    for v in range(vectors):
        to = "product" if v == 0 else "product + step" if v == 1 else f"product + {v} * step"
        for t in range(tiles):
            at = f" + {t * lanes}" if t else ""
            lines.append(f"  store({to}{at}, sum_{t}_{v});")
    return [*lines, "}"]


_MULTIPLY_ARGUMENTS = (
    "    const float *spread, ptrdiff_t step, const float *weights, float *product, int channels,",
    "    const float *later, ptrdiff_t half) {",
)


def _multiply_all(kernel: Microkernel, edge: int) -> list[str]:
    most, vectors = kernel.tile
    lanes, width = kernel.lanes, kernel.lanes * vectors
    call = "(x, step, weights, to, layer->channels, later, half);"
    lines = [
        "/* One block of filters at one point: tiles in parts that fit the registers. Meanwhile",
        " * later weights come from memory, half of them with each of the first two parts. */",
        *wrapped(
            f"static void multiply_all(const {_STRUCT} *layer, int tiles, const float *spread, "
            "const float *weights, const float *later, float *product) {"
        ),
        f"  const ptrdiff_t step = (ptrdiff_t)tiles * {lanes};",
        f"  const int parts = (tiles + {most - 1}) / {most};",
        f"  const ptrdiff_t half = parts == 1 ? {width // 2} : {width // 4};",
        "  for (int part = 0; part < parts; ++part) {",
        "    const int begin = tiles * part / parts;",
        "    const int count = tiles * (part + 1) / parts - begin;",
        f"    const float *x = spread + begin * {lanes};",
        f"    float *to = product + begin * {lanes};",
        "    switch (count) {",
    ]
    for tiles in range(1, most + 1):
        label = "default" if tiles == most else f"case {tiles}"
        lines += [f"      {label}:", f"        multiply_{tiles}{call}", "        break;"]
    lines += [
        "    }",
        "    later = part == 0 ? later + 2 * half * layer->channels : weights;",
        "  }",
        "}",
        "",
    ]
    return [
        *lines,
        *wrapped(
            f"static void multiply_points(const {_STRUCT} *layer, int tiles, ptrdiff_t point, "
            "ptrdiff_t to_point, int begin, int end) {"
        ),
        f"  const ptrdiff_t block = (ptrdiff_t)layer->channels * {width};",
        f"  for (int at = 0; at < {(edge + 2) ** 2}; ++at) {{",
        "    const float *weights = layer->weights + (ptrdiff_t)at * layer->blocks * block;",
        "    const float *after = weights + (layer->blocks + begin) * block;",
        "    float *product = layer->product + at * to_point;",
        "    for (int oc = begin; oc < end; ++oc) {",
        "      const float *spread = layer->spread + at * point;",
        "      const float *next = weights + oc * block + block;",
        "      const float *later = oc + 1 < end ? next : after;",
        "      multiply_all(layer, tiles, spread, next - block, later, product);",
        f"      product += (ptrdiff_t)tiles * {width};",
        "    }",
        "  }",
        "}",
    ]


def _put(kernel: Microkernel) -> list[str]:
    lanes = kernel.lanes
    if "out" in kernel.variant:
        return _put_pixels(kernel)
    numbers = ", ".join(str(lane) for lane in range(lanes))
    adds = "add" in kernel.variant
    value = "part[i] + layer->bias[oc + i]"
    if adds:
        value += " + load(residual + i * layer->residual_plane + x)"
    return [
        "/* One row of one vector of filters, from the patch to its planes. The last vector ends",
        " * with the row, so that a row of a vector's length or more spills nothing. */",
        f"static void put(const {_STRUCT} *layer, int oc, int oy, const float *row) {{",
        f"  const lanes number = {{{numbers}}};",
        "  const lanes set = number < layer->width;",
        f"  const int last = layer->width > {lanes} ? layer->width - {lanes} : 0;",
        "  float *output = layer->output + oc * layer->output_plane + oy * layer->output_row;",
        *_residual_row(kernel, "oc"),
        f"  for (int ox = 0; ox < layer->width; ox += {lanes}) {{",
        "    const ptrdiff_t x = ox < last ? ox : last;",
        f"    vector part[{lanes}];",
        f"    for (int i = 0; i < {lanes}; ++i) {{",
        f"      part[i] = load(row + (x + i) * {lanes});",
        "    }",
        "    transpose(part);",
        f"    for (int i = 0; i < {lanes}; ++i) {{",
        f"      const vector sum = {value};",
        "      const vector result = keep(activate(sum, layer->alpha, 0.0f), set);",
        "      store(output + i * layer->output_plane + x, result);",
        "    }",
        "  }",
        "}",
    ]


def _residual_row(kernel: Microkernel, plane: str) -> list[str]:
    if "add" not in kernel.variant:
        return []
    return [
        f"  const float *residual = layer->residual + {plane} * layer->residual_plane;",
        "  residual += oy * layer->residual_row;",
    ]


def _put_pixels(kernel: Microkernel) -> list[str]:
    lanes = kernel.lanes
    value = "load(row + at) + bias"
    if "add" in kernel.variant:
        value += " + load(residual + at)"
    return [
        "/* One row of one vector of filters, from the patch to its block. */",
        f"static void put(const {_STRUCT} *layer, int oc, int oy, const float *row) {{",
        f"  const int block = oc / {lanes};",
        "  const vector bias = load(layer->bias + oc);",
        "  float *output = layer->output + block * layer->output_plane + oy * layer->output_row;",
        *_residual_row(kernel, "block"),
        "  for (int ox = 0; ox < layer->width; ++ox) {",
        f"    const ptrdiff_t at = (ptrdiff_t)ox * {lanes};",
        f"    store(output + at, activate({value}, layer->alpha, 0.0f));",
        "  }",
        "}",
    ]


def _collapse_all(kernel: Microkernel, edge: int) -> list[str]:
    lanes, points = kernel.lanes, edge + 2
    return [
        "/* Products of a block of tiles to outputs, for the filters of some blocks. */",
        *wrapped(
            f"static void collapse_all(const {_STRUCT} *layer, int first, int rows, "
            "ptrdiff_t point, int begin, int end) {"
        ),
        f"  const ptrdiff_t row = (ptrdiff_t)layer->patch_columns * {lanes};",
        "  const float *from = layer->product;",
        f"  for (int oc = begin; oc < end && oc < layer->filters; oc += {lanes}) {{",
        "    for (int ty = first; ty < first + rows; ++ty) {",
        "      for (int tx = 0; tx < layer->tile_columns; ++tx) {",
        f"        float *to = layer->patch + tx * {edge * lanes};",
        f"        float half[{edge * points * lanes}];",
        f"        for (int x = 0; x < {points}; ++x) {{",
        *wrapped(
            f"          collapse(from + x * point, {points} * point, half + x * {lanes}, "
            f"{points * lanes});"
        ),
        "        }",
        f"        for (int y = 0; y < {edge}; ++y) {{",
        f"          collapse(half + y * {points * lanes}, {lanes}, to + y * row, {lanes});",
        "        }",
        f"        from += {lanes};",
        "      }",
        f"      for (int y = 0; y < {edge} && ty * {edge} + y < layer->height; ++y) {{",
        f"        put(layer, oc, ty * {edge} + y, layer->patch + y * row);",
        "      }",
        "    }",
        "  }",
        "}",
    ]


def _entry(kernel: Microkernel) -> list[str]:
    lanes, width = kernel.lanes, kernel.lanes * kernel.tile[1]
    return [
        *entry_lines(kernel, ("layer->block_rows > 0", "layer->tile_columns > 0")),
        "  const int is_split = layer->takes_all_tiles;",
        "  const int last = is_split ? layer->tile_rows : end;",
        "  const int oc_begin = is_split ? begin : 0;",
        "  const int oc_end = is_split ? end : layer->blocks;",
        "  if (begin == end) {",
        "    return;",
        "  }",
        "  for (int ty = is_split ? 0 : begin; ty < last; ty += layer->block_rows) {",
        "    const int rows = last - ty < layer->block_rows ? last - ty : layer->block_rows;",
        "    const int tiles = rows * layer->tile_columns;",
        "    /* An odd number of cache lines, so that points do not fall into one cache set. */",
        f"    const ptrdiff_t point = (ptrdiff_t)tiles * layer->channels + {lanes};",
        f"    const ptrdiff_t to_point = (ptrdiff_t)tiles * layer->chunk * {width} + {lanes};",
        "    spread_all(layer, ty, rows, point);",
        "    for (int oc = oc_begin; oc < oc_end; oc += layer->chunk) {",
        "      const int next = oc_end - oc < layer->chunk ? oc_end : oc + layer->chunk;",
        "      multiply_points(layer, tiles, point, to_point, oc, next);",
        f"      collapse_all(layer, ty, rows, to_point, oc * {width}, next * {width});",
        "    }",
        "  }",
        "}",
    ]
