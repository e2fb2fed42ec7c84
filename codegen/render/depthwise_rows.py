"""C text of the dense depthwise convolution: strips of rows, one vector of columns at a time.

A kernel's columns are taken one after another: its weights and the sums of a strip stay in
registers, and every input vector serves all the rows of the strip that read it. With stride 2 two
loads give two columns of the kernel, split by their parity.
"""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.render.entry import entry_lines
from codegen.render.wrapped import wrapped


def render_depthwise_rows(kernel: Microkernel) -> list[str]:
    """One function for each height of a strip, and the loop over channels."""
    heights = _heights(kernel.tile[0])
    size, stride = (int(word[1:]) for word in kernel.variant[:2])
    lines = [*_parity(kernel.lanes), ""] if stride == 2 else []
    for rows in heights:
        lines += [*_columns(kernel, rows, size, stride), "", *_strip(kernel, rows, stride), ""]
    lines += entry_lines(kernel, ("layer->width > 0",))
    lines += ["  for (int oc = begin; oc < end; ++oc) {", "    int oy = 0;"]
    for rows in heights:
        lines += [
            f"    for (; oy + {rows} <= layer->height; oy += {rows}) {{",
            f"      strip_{rows}(layer, oc, oy);",
            "    }",
        ]
    return [*lines, "  }", "}"]


def _heights(most: int) -> tuple[int, ...]:
    """Heights of strips, so that any number of rows is a sum of few."""
    powers = [1 << bit for bit in range(most.bit_length()) if 1 << bit < most]
    return (most, *reversed(powers))


def _parity(lanes: int) -> list[str]:
    evens = ", ".join(str(2 * lane) for lane in range(lanes))
    odds = ", ".join(str(2 * lane + 1) for lane in range(lanes))
    return [
        "static inline vector evens(vector low, vector high) {",
        *_shuffle(evens),
        "}",
        "",
        "static inline vector odds(vector low, vector high) {",
        *_shuffle(odds),
        "}",
    ]


def _shuffle(indices: str) -> list[str]:
    line = f"  return __builtin_shufflevector(low, high, {indices});"
    if len(line) <= 100:
        return [line]
    return ["  return __builtin_shufflevector(", f"      low, high, {indices});"]


def _columns(kernel: Microkernel, rows: int, size: int, stride: int) -> list[str]:
    """The sums of one strip and one vector of columns, stored."""
    adds = "add" in kernel.variant
    added = ", const float *residual" if adds else ""
    lines = wrapped(
        f"static inline void columns_{rows}(const punchcard_{kernel.family} *layer, const float "
        f"*input, const float *weights, vector bias, float *output{added}, lanes set) {{"
    )
    lines.append("  const ptrdiff_t row = layer->input_row;")
    sums = ", ".join(f"sum_{r} = bias" for r in range(rows))
    lines += wrapped(f"  vector {sums};")
    if stride == 1:
        lines.append(f"  for (int kx = 0; kx < {size}; ++kx) {{")
        lines += _weights("    ", "w", size, "kx")
        for i in range(rows - 1 + size):
            lines.append(f"    const vector x_{i} = load(input + {_times(i, 'row')}kx);")
            lines += _products("    ", rows, size, stride, i, f"x_{i}", "w")
        lines.append("  }")
    else:
        lines.append(f"  for (int kx = 0; kx + 1 < {size}; kx += 2) {{")
        lines += _weights("    ", "u", size, "kx")
        lines += _weights("    ", "w", size, "kx + 1")
        for i in range((rows - 1) * stride + size):
            lines += [
                f"    const float *x_{i} = input + {_times(i, 'row')}kx;",
                f"    const vector low_{i} = load(x_{i}), high_{i} = load(x_{i} + {kernel.lanes});",
                f"    const vector even_{i} = evens(low_{i}, high_{i});",
                *_products("    ", rows, size, stride, i, f"even_{i}", "u"),
                f"    const vector odd_{i} = odds(low_{i}, high_{i});",
                *_products("    ", rows, size, stride, i, f"odd_{i}", "w"),
            ]
        lines.append("  }")
        last = size - 1
        lines += _weights("  ", "w", size, str(last))
        for i in range((rows - 1) * stride + size):
            lines += [
                f"  const float *x_{i} = input + {_times(i, 'row')}{last};",
                f"  const vector even_{i} = evens(load(x_{i}), load(x_{i} + {kernel.lanes}));",
                *_products("  ", rows, size, stride, i, f"even_{i}", "w"),
            ]
    for r in range(rows):
        at = f" + {_times(r, 'layer->output_row')[:-3]}" if r else ""
        value = f"sum_{r} + load(residual{at})" if adds else f"sum_{r}"
        lines += wrapped(f"  store(output{at}, keep(activate({value}, layer->alpha, 0.0f), set));")
    return [*lines, "}"]


def _times(count: int, name: str) -> str:
    """`count * name + `, or nothing."""
    return "" if count == 0 else f"{name} + " if count == 1 else f"{count} * {name} + "


def _weights(indent: str, name: str, size: int, column: str) -> list[str]:
    return [
        f"{indent}const vector {name}_{ky} = broadcast(weights[{ky * size} + {column}]);"
        if ky
        else f"{indent}const vector {name}_0 = broadcast(weights[{column}]);"
        for ky in range(size)
    ]


def _products(
    indent: str, rows: int, size: int, stride: int, i: int, x: str, weights: str
) -> list[str]:
    """What input row `i` of the strip adds to each output row that reads it."""
    return [
        f"{indent}sum_{r} += {weights}_{i - r * stride} * {x};"
        for r in range(rows)
        if 0 <= i - r * stride < size
    ]


def _strip(kernel: Microkernel, rows: int, stride: int) -> list[str]:
    """All columns of a strip. The last vector ends with the row, so that it spills nothing."""
    lanes = kernel.lanes
    size = int(kernel.variant[0][1:])
    adds = "add" in kernel.variant
    numbers = ", ".join(str(lane) for lane in range(lanes))
    lines = [
        f"static void strip_{rows}(const punchcard_{kernel.family} *layer, int oc, int oy) {{",
        "  const ptrdiff_t row = oy * layer->output_row + oc * layer->output_plane;",
        *wrapped(
            f"  const float *input = layer->input + oc * layer->input_plane + "
            f"{'oy' if stride == 1 else f'{stride} * oy'} * layer->input_row;"
        ),
        f"  const float *weights = layer->weights + (ptrdiff_t)oc * {size * size};",
        "  const vector bias = broadcast(layer->bias[oc]);",
        f"  const lanes number = {{{numbers}}};",
        "  const lanes set = number < layer->width;",
        f"  for (int ox = 0; ox < layer->width; ox += {lanes}) {{",
        f"    const int last = layer->width > {lanes} ? layer->width - {lanes} : 0;",
        "    const int x = ox < last ? ox : last;",
    ]
    added = ", layer->residual + row + x" if adds else ""
    place = "x" if stride == 1 else f"{stride} * x"
    call = (
        f"    columns_{rows}(layer, input + {place}, weights, bias, "
        f"layer->output + row + x{added}, set);"
    )
    return [*lines, *wrapped(call), "  }", "}"]
