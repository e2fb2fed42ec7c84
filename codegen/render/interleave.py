"""C text of copies between planes and blocks of channels: squares are transposed in registers."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines
from codegen.render.wrapped import wrapped


def render_interleave(kernel: Microkernel) -> list[str]:
    """Planes to blocks, or `back`."""
    if "back" in kernel.variant:
        return [*_square(kernel.lanes), "", *_back(kernel)]
    return [*_square(kernel.lanes), "", *_forth(kernel)]


def _square(lanes: int) -> list[str]:
    """Transpose a square of vectors: as often as halving goes, zip its halves row by row."""
    low = ", ".join(f"{i}, {lanes + i}" for i in range(lanes // 2))
    high = ", ".join(f"{i}, {lanes + i}" for i in range(lanes // 2, lanes))
    rounds = lanes.bit_length() - 1
    lines = ["/* Rounds of zipping one half of the rows with the other transpose a square. */"]
    lines.append(f"static inline void transpose(vector rows[{lanes}]) {{")
    lines.append(f"  for (int turn = 0; turn < {rounds}; ++turn) {{")
    lines.append(f"    vector zipped[{lanes}];")
    lines.append(f"    for (int i = 0; i < {lanes // 2}; ++i) {{")
    for at, order in (("2 * i", low), ("2 * i + 1", high)):
        text = f"__builtin_shufflevector(rows[i], rows[i + {lanes // 2}], {order});"
        lines += wrapped(f"      zipped[{at}] = {text}")
    lines += [
        "    }",
        f"    for (int i = 0; i < {lanes}; ++i) {{",
        "      rows[i] = zipped[i];",
        "    }",
        "  }",
        "}",
    ]
    return lines


def _loops(kernel: Microkernel, planes: str, blocks: str, columns: list[str]) -> list[str]:
    lanes = kernel.lanes
    return [
        *entry_lines(kernel),
        "  for (int block = begin; block < end; ++block) {",
        f"    const int channels = layer->channels - block * {lanes};",
        "    for (int y = layer->first_row; y < layer->first_row + layer->height; ++y) {",
        f"      {planes} = layer->{planes.split('*')[1]} + (ptrdiff_t)block * {lanes} * "
        "layer->plane + y * layer->row;",
        f"      {blocks} = layer->{blocks.split('*')[1]} + block * layer->block_plane + "
        "y * layer->block_row;",
        *columns,
        "        const int left = layer->width - x;",
        f"        vector rows[{lanes}];",
    ]


def _forth(kernel: Microkernel) -> list[str]:
    lanes = kernel.lanes
    columns = [f"      for (int x = 0; x < layer->width; x += {lanes}) {{"]
    return [
        *_loops(kernel, "const float *input", "float *output", columns),
        f"        for (int i = 0; i < {lanes}; ++i) {{",
        "          /* Lanes without a channel repeat the last one. */",
        "          const int channel = i < channels ? i : channels - 1;",
        "          rows[i] = load(input + channel * layer->plane + x);",
        "        }",
        "        transpose(rows);",
        f"        for (int i = 0; i < {lanes} && i < left; ++i) {{",
        f"          store(output + (ptrdiff_t)(x + i) * {lanes}, rows[i]);",
        "        }",
        "      }",
        "    }",
        "  }",
        "}",
    ]


def _back(kernel: Microkernel) -> list[str]:
    """Rows from first to last, with their pad columns.

    Rows that are narrower than a vector spill into the next, which writes over that.
    """
    lanes = kernel.lanes
    numbers = ", ".join(str(lane) for lane in range(lanes))
    columns = [
        f"      for (int at = 0; at < layer->row; at += {lanes}) {{",
        "        const int x = at < last ? at : last;",
    ]
    lines = _loops(kernel, "float *output", "const float *input", columns)
    head = lines.index("  for (int block = begin; block < end; ++block) {")
    lines[head:head] = [
        f"  const lanes number = {{{numbers}}};",
        "  /* The last vector ends with the row where one fits, and spills nothing. */",
        f"  const int last = layer->row > {lanes} ? (int)layer->row - {lanes} : 0;",
    ]
    return [
        *lines,
        f"        for (int i = 0; i < {lanes}; ++i) {{",
        "          const int column = i < left ? x + i : layer->width - 1;",
        f"          rows[i] = load(input + (ptrdiff_t)column * {lanes});",
        "        }",
        "        transpose(rows);",
        f"        for (int i = 0; i < {lanes} && i < channels; ++i) {{",
        "          store(output + i * layer->plane + x, keep(rows[i], number < left));",
        "        }",
        "      }",
        "    }",
        "  }",
        "}",
    ]
