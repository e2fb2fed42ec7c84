"""C text of the product of matrices: tiles of rows x vectors of columns held in registers."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines

_STRUCT = "const punchcard_matmul *layer"


def render_matmul(kernel: Microkernel) -> list[str]:
    """A tile for each number of rows, whole and of one vector, and the loop over stripes."""
    rows, width = kernel.tile
    lines: list[str] = []
    for count in range(1, rows + 1):
        for vectors in dict.fromkeys((width, 1)):
            lines += [*_tile(kernel, count, vectors), ""]
        lines += [*_stripe(kernel, count), ""]
    return [*lines, *_matrix(kernel), "", *_entry(kernel)]


def _entry(kernel: Microkernel) -> list[str]:
    rows = kernel.tile[0]
    return [
        *entry_lines(kernel, ("layer->rows > 0", "layer->columns > 0", "layer->depth > 0")),
        f"  const int blocks = (layer->rows + {rows - 1}) / {rows};",
        "  int unit = begin;",
        "  while (unit < end) {",
        "    const int matrix = unit / blocks;",
        "    const int first = unit % blocks;",
        "    const int last = end - unit < blocks - first ? first + end - unit : blocks;",
        "    multiply(layer, matrix, first, last);",
        "    unit += last - first;",
        "  }",
        "}",
    ]


def _matrix(kernel: Microkernel) -> list[str]:
    """Blocks of rows of one matrix: a stripe of the right one serves them all before the next."""
    rows, width = kernel.tile
    whole = width * kernel.lanes
    lines = [
        f"static void multiply({_STRUCT}, int matrix, int first, int last) {{",
        "  const float *left = layer->left + layer->left_starts[matrix];",
        "  const float *right = layer->right + layer->right_starts[matrix];",
        "  const ptrdiff_t row = (ptrdiff_t)matrix * layer->rows;",
        "  float *output = layer->output + row * layer->columns;",
        f"  for (int ox = 0; ox < layer->columns; ox += {whole}) {{",
        "    for (int block = first; block < last; ++block) {",
        f"      const int oy = block * {rows};",
        "      const float *x = left + (ptrdiff_t)oy * layer->depth;",
        "      float *to = output + (ptrdiff_t)oy * layer->columns + ox;",
        "      switch (layer->rows - oy) {",
    ]
    for count in range(1, rows + 1):
        label = "default" if count == rows else f"case {count}"
        lines += [
            f"        {label}:",
            f"          stripe_{count}(layer, x, right, to, layer->columns - ox);",
            "          break;",
        ]
    return [*lines, "      }", "    }", "    right += layer->right_stripe;", "  }", "}"]


def _stripe(kernel: Microkernel, rows: int) -> list[str]:
    """One stripe of columns of a few rows, `left` columns of which are there."""
    lanes, width = kernel.lanes, kernel.tile[1]
    whole = width * lanes
    return [
        f"static void stripe_{rows}({_STRUCT}, const float *left,",
        "    const float *right, float *output, int count) {",
        f"  if (count >= {whole}) {{",
        f"    tile_{rows}_{width}(layer, left, right, output, {whole});",
        "    return;",
        "  }",
        f"  for (int ox = 0; ox < count; ox += {lanes}) {{",
        f"    tile_{rows}_1(layer, left, right + ox, output + ox, count - ox);",
        "  }",
        "}",
    ]


def _tile(kernel: Microkernel, rows: int, width: int) -> list[str]:
    lanes = kernel.lanes
    lines = [
        f"static void tile_{rows}_{width}({_STRUCT}, const float *left,",
        "    const float *right, float *output, int count) {",
        *(["  const ptrdiff_t columns = layer->columns;"] if rows > 1 else []),
        "  const ptrdiff_t depth = layer->depth;",
    ]
    lines += [f"  vector sum_{r}_{v} = {{0}};" for r in range(rows) for v in range(width)]
    lines.append("  for (ptrdiff_t oc = 0; oc < depth; ++oc) {")
    for v in range(width):
        at = f" + {v * lanes}" if v else ""
        lines.append(f"    const vector y_{v} = load(right{at});")
    lines.append("    right += layer->right_step;")
    for r in range(rows):
        at = f"{r} * depth + oc" if r > 1 else "depth + oc" if r else "oc"
        lines.append(f"    const float x_{r} = left[{at}];")
        lines += [f"    sum_{r}_{v} += x_{r} * y_{v};" for v in range(width)]
    lines.append("  }")
    if width > 1:
        lines.append("  (void)count;")
    for r in range(rows):
        row = f"output + {r} * columns" if r > 1 else "output + columns" if r else "output"
        if width == 1:
            part = f"count < {lanes} ? count : {lanes}"
            lines.append(f"  store_part({row}, sum_{r}_0, {part});")
            continue
        for v in range(width):
            at = f" + {v * lanes}" if v else ""
            lines.append(f"  store({row}{at}, sum_{r}_{v});")
    return [*lines, "}"]
