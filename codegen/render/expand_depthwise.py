"""C text of a 1x1 convolution with the depthwise one behind it, band of rows by band of rows."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.blocked_conv import tile_functions
from codegen.render.blocked_depthwise import depthwise_tile
from codegen.render.entry import entry_lines


def render_expand_depthwise(kernel: Microkernel) -> list[str]:
    """The tiles of both, one function for each, and the loop over groups and bands."""
    stride = 2 if "half" in kernel.variant else 1
    lines = tile_functions(kernel, 1)
    for width in _widths(kernel):
        lines += [*depthwise_tile(kernel, width, stride * kernel.lanes, "depth_"), ""]
    return [
        *lines,
        *_expand(kernel),
        "",
        *_spread(kernel, stride),
        "",
        *entry_lines(kernel, ("layer->rows > 0", "layer->columns > 0", "layer->taps > 0")),
        "  const int bands = (layer->height + layer->rows - 1) / layer->rows;",
        "  for (int unit = begin; unit < end; ++unit) {",
        "    const int group = unit / bands;",
        "    const int first = unit % bands * layer->rows;",
        "    const int left = layer->height - first;",
        "    const int rows = left < layer->rows ? left : layer->rows;",
        f"    const int from = first{_times(stride)} - layer->top;",
        f"    expand(layer, group, from, (rows - 1){_times(stride)} + layer->reach + 1);",
        "    spread(layer, group, first, rows);",
        "  }",
        "}",
    ]


def _times(stride: int) -> str:
    return "" if stride == 1 else f" * {stride}"


def _widths(kernel: Microkernel) -> list[int]:
    wide = min(kernel.tile[1], 8)
    return list(dict.fromkeys((wide, max(1, wide // 2), 1)))


def _expand(kernel: Microkernel) -> list[str]:
    """Rows that lie outside the picture, and pixels beside it, are zero."""
    blocks, lanes = kernel.tile[0], kernel.lanes
    step = 1 if "planar" in kernel.variant else lanes
    return [
        "static void clear(float *from, ptrdiff_t count) {",
        f"  for (ptrdiff_t i = 0; i < count; i += {lanes}) {{",
        "    store(from + i, (vector){0});",
        "  }",
        "}",
        "",
        "/* `count` rows of the band from row `from` of the input on. */",
        f"static void expand(const {_struct(kernel)} *layer, int group, int from, int count) {{",
        f"  for (int block = 0; block < {blocks}; ++block) {{",
        "    clear(layer->band + block * layer->output_plane, layer->guard);",
        "  }",
        "  for (int row = 0; row < count; ++row) {",
        "    float *output = layer->band + layer->guard + row * layer->band_row;",
        "    const int iy = from + row;",
        "    const int width = iy >= 0 && iy < layer->input_height ? layer->input_width : 0;",
        f"    for (int block = 0; block < {blocks}; ++block) {{",
        f"      clear(output + block * layer->output_plane + (ptrdiff_t)width * {lanes},",
        f"            layer->band_row - (ptrdiff_t)width * {lanes});",
        "    }",
        "    for (int ox = 0; ox < width; ox += layer->columns) {",
        "      const int left = width - ox;",
        "      const int columns = left < layer->columns ? left : layer->columns;",
        "      const float *input = layer->input + iy * layer->input_row +",
        f"                           (ptrdiff_t)ox * {step};",
        f"      rows_1(layer, input, output + (ptrdiff_t)ox * {lanes}, row, group, columns);",
        "    }",
        "  }",
        "}",
    ]


def _spread(kernel: Microkernel, stride: int) -> list[str]:
    blocks, lanes = kernel.tile[0], kernel.lanes
    lines = [
        "/* Rows of output from what the band holds. */",
        f"static void spread(const {_struct(kernel)} *layer, int group, int first, int rows) {{",
        f"  for (int part = 0; part < {blocks}; ++part) {{",
        f"    const int block = group * {blocks} + part;",
        "    const float *band = layer->band + layer->guard + part * layer->output_plane;",
        "    float *output = layer->output + block * layer->depth_plane +",
        "                    first * layer->depth_row;",
        "    for (int row = 0; row < rows; ++row) {",
        "      int ox = 0;",
    ]
    for width in _widths(kernel):
        condition = "ox < layer->width" if width == 1 else f"ox + {width} <= layer->width"
        lines += [
            f"      for (; {condition}; ox += {width}) {{",
            f"        tile_{width}(layer, block, band + (ptrdiff_t)ox * {stride * lanes}, "
            f"output + (ptrdiff_t)ox * {lanes});",
            "      }",
        ]
    return [
        *lines,
        f"      band += layer->band_row{_times(stride)};",
        "      output += layer->depth_row;",
        "    }",
        "  }",
        "}",
    ]


def _struct(kernel: Microkernel) -> str:
    return f"punchcard_{kernel.family}"
