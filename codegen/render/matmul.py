"""C text of the product of matrices: tiles of rows x vectors of columns held in registers."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines


def render_matmul(kernel: Microkernel) -> list[str]:
    """A tile for each number of rows, whole and of one vector, and the loop over blocks."""
    rows, width = kernel.tile
    lines: list[str] = []
    for count in range(1, rows + 1):
        for vectors in dict.fromkeys((width, 1)):
            lines += [*_tile(kernel, count, vectors), ""]
        lines += [*_stripe(kernel, count), ""]
    lines += entry_lines(kernel, ("layer->rows > 0", "layer->columns > 0", "layer->depth > 0"))
    lines += [
        f"  const int blocks = (layer->rows + {rows - 1}) / {rows};",
        "  for (int unit = begin; unit < end; ++unit) {",
        "    const int matrix = unit / blocks;",
        f"    const int oy = unit % blocks * {rows};",
        "    const float *left = layer->left + layer->left_starts[matrix];",
        "    const float *right = layer->right + layer->right_starts[matrix];",
        "    const ptrdiff_t row = (ptrdiff_t)matrix * layer->rows + oy;",
        "    float *output = layer->output + row * layer->columns;",
        "    left += (ptrdiff_t)oy * layer->depth;",
        "    switch (layer->rows - oy) {",
    ]
    for count in range(1, rows + 1):
        label = "default" if count == rows else f"case {count}"
        lines += [
            f"      {label}:",
            f"        stripe_{count}(layer, left, right, output);",
            "        break;",
        ]
    return [*lines, "    }", "  }", "}"]


def _stripe(kernel: Microkernel, rows: int) -> list[str]:
    """All columns of a few rows."""
    lanes, width = kernel.lanes, kernel.tile[1]
    whole = width * lanes
    return [
        f"static void stripe_{rows}(const punchcard_matmul *layer, const float *left,",
        "    const float *right, float *output) {",
        "  const ptrdiff_t columns = layer->columns;",
        "  ptrdiff_t ox = 0;",
        f"  for (; ox + {whole} <= columns; ox += {whole}) {{",
        f"    tile_{rows}_{width}(layer, left, right + ox, output + ox, {whole});",
        "  }",
        f"  for (; ox < columns; ox += {lanes}) {{",
        f"    const ptrdiff_t count = columns - ox < {lanes} ? columns - ox : {lanes};",
        f"    tile_{rows}_1(layer, left, right + ox, output + ox, count);",
        "  }",
        "}",
    ]


def _tile(kernel: Microkernel, rows: int, width: int) -> list[str]:
    lanes = kernel.lanes
    lines = [
        f"static void tile_{rows}_{width}(const punchcard_matmul *layer, const float *left,",
        "    const float *right, float *output, ptrdiff_t count) {",
        "  const ptrdiff_t columns = layer->columns;",
        "  const ptrdiff_t depth = layer->depth;",
    ]
    lines += [f"  vector sum_{r}_{v} = {{0}};" for r in range(rows) for v in range(width)]
    lines.append("  for (ptrdiff_t oc = 0; oc < depth; ++oc) {")
    for v in range(width):
        at = f" + {v * lanes}" if v else ""
        lines.append(f"    const vector y_{v} = load(right + oc * columns{at});")
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
            lines.append(f"  store_part({row}, sum_{r}_0, count);")
            continue
        for v in range(width):
            at = f" + {v * lanes}" if v else ""
            lines.append(f"  store({row}{at}, sum_{r}_{v});")
    return [*lines, "}"]
