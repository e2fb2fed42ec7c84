"""C text of the convolution over blocks of channels: pixels are broadcast to blocks of filters."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.lowering.layout import LINE_FLOATS
from codegen.render.entry import entry_lines
from codegen.render.wrapped import wrapped

_AHEAD_FLOATS = 1024


def render_blocked_conv(kernel: Microkernel) -> list[str]:
    """One function for each shape of a tile, and the loop over groups and tiles.

    A `pair` kernel takes two rows at a time, for maps narrower than its tile.
    """
    rows = 2 if "pair" in kernel.variant else 1
    return [*tile_functions(kernel, rows), *_entry(kernel, rows)]


def tile_functions(kernel: Microkernel, rows: int) -> list[str]:
    """Functions of every width of up to so many rows, and one that chooses among them."""
    widest = kernel.tile[1] // rows
    lines: list[str] = []
    for width in range(1, widest + 1):
        lines += [*_finish(kernel, width), ""]
    for count in range(rows, 0, -1):
        for width in range(1, widest + 1):
            lines += [*_tile(kernel, count, width), ""]
        lines += [*_switch(kernel, count, widest), ""]
    return lines


def _step(kernel: Microkernel) -> int:
    """Elements between what two neighbours in a row of the output read."""
    stride = 2 if "s2" in kernel.variant else 1
    return stride if "planar" in kernel.variant else stride * kernel.lanes


def _parameters(kernel: Microkernel, name: str, last: str) -> list[str]:
    adds = "const float *residual, " if "add" in kernel.variant else ""
    return wrapped(
        f"static void {name}(const punchcard_{kernel.family} *layer, const float *input, "
        f"{adds}float *output, int turn, int {last}) {{"
    )


def _switch(kernel: Microkernel, rows: int, widest: int) -> list[str]:
    adds = "residual, " if "add" in kernel.variant else ""
    lines = _parameters(kernel, f"rows_{rows}", "group, int columns")
    lines.append("  switch (columns) {")
    for width in range(1, widest + 1):
        label = "default" if width == widest else f"case {width}"
        call = f"tile_{rows}x{width}(layer, input, {adds}output, turn, group);"
        lines += [f"    {label}:", f"      {call}", "      break;"]
    return [*lines, "  }", "}"]


def _tile(kernel: Microkernel, rows: int, width: int) -> list[str]:
    blocks, lanes = kernel.tile[0], kernel.lanes
    per_offset = max(1, blocks * lanes // LINE_FLOATS)
    lines = _parameters(kernel, f"tile_{rows}x{width}", "group")
    lines += [
        "  const int32_t *offsets = layer->offsets + layer->firsts[group];",
        "  const int count = layer->starts[group + 1] - layer->starts[group];",
        f"  const float *weights = layer->weights + (ptrdiff_t)layer->starts[group] * "
        f"{blocks * lanes};",
        f"  const float *bias = layer->bias + (ptrdiff_t)group * {blocks * lanes};",
    ]
    for b in range(blocks):
        names = [f"sum_{b}_{r}_{c}" for r in range(rows) for c in range(width)]
        at = f" + {b * lanes}" if b else ""
        copies = "".join(f", {name} = {names[0]}" for name in names[1:])
        lines += wrapped(f"  vector {names[0]} = load(bias{at}){copies};")
    if per_offset == 1:
        lines.append("  (void)turn;")
    share = f"(turn % {per_offset}) * " if per_offset > 1 else ""
    start = f"(ptrdiff_t)layer->starts[group + 1] * {blocks * lanes}"
    turned = f" + (ptrdiff_t){share}count * {LINE_FLOATS}" if share else ""
    lines += [
        "  /* The next group's weights: each tile fetches its share of them. */",
        f"  const float *next = layer->weights + {start}{turned};",
    ]
    lines += ["  for (int k = 0; k < count; ++k) {", "    const float *x_0 = input + offsets[k];"]
    if rows == 2:
        lines.append("    const float *x_1 = x_0 + layer->input_row;")
    # A group's first tile takes its weights from far away: that cost a fifth of a layer of 7x7
    # pixels before these lines, which look ahead within the group and into the next one.
    lines.append(f"    __builtin_prefetch(next + (ptrdiff_t)k * {LINE_FLOATS}, 0, 2);")
    for line in range(0, blocks * lanes, LINE_FLOATS):
        lines.append(f"    __builtin_prefetch(weights + {_AHEAD_FLOATS + line});")
    for b in range(blocks):
        at = f" + {b * lanes}" if b else ""
        lines.append(f"    const vector weight_{b} = load(weights{at});")
    for r in range(rows):
        for c in range(width):
            pixel = f"x_{r}[{c * _step(kernel)}]"
            if blocks > 1:
                lines.append(f"    const vector pixel_{r}_{c} = broadcast({pixel});")
                pixel = f"pixel_{r}_{c}"
            lines += [f"    sum_{b}_{r}_{c} += weight_{b} * {pixel};" for b in range(blocks)]
    lines += [f"    weights += {blocks * lanes};", "  }"]
    for b in range(blocks):
        for r in range(rows):
            lines += _finish_call(kernel, b, r, width)
    return [*lines, "}"]


def _finish(kernel: Microkernel, width: int) -> list[str]:
    """The store of one row of a block; pad pixels are not touched, so they stay zero."""
    sums = ", ".join(f"vector sum_{c}" for c in range(width))
    adds = "add" in kernel.variant
    added = "const float *residual, " if adds else ""
    lines = wrapped(
        f"static inline void finish_{width}(float *output, {added}float alpha, {sums}) {{"
    )
    for c in range(width):
        at = f" + {c * kernel.lanes}" if c else ""
        value = f"sum_{c} + load(residual{at})" if adds else f"sum_{c}"
        lines.append(f"  store(output{at}, activate({value}, alpha, 0.0f));")
    return [*lines, "}"]


def _finish_call(kernel: Microkernel, block: int, row: int, width: int) -> list[str]:
    at = "".join(
        f" + {'' if count == 1 else f'{count} * '}layer->{{name}}_{axis}"
        for count, axis in ((block, "plane"), (row, "row"))
        if count
    )
    places = [f"output{at.format(name='output')}"]
    if "add" in kernel.variant:
        places.append(f"residual{at.format(name='residual')}")
    sums = ", ".join(f"sum_{block}_{row}_{c}" for c in range(width))
    return wrapped(f"  finish_{width}({', '.join(places)}, layer->alpha, {sums});")


def _entry(kernel: Microkernel, rows: int) -> list[str]:
    blocks, lanes, step = kernel.tile[0], kernel.lanes, _step(kernel)
    adds = "add" in kernel.variant
    lines = [
        *entry_lines(kernel, ("layer->columns > 0", "layer->groups > 0")),
        "  const int across = (layer->width + layer->columns - 1) / layer->columns;",
        f"  const int tiles = across * ((layer->height + {rows - 1}) / {rows});"
        if rows > 1
        else "  const int tiles = across * layer->height;",
        "  for (int unit = begin; unit < end; ++unit) {",
        "    const int group = layer->keeps_weights ? unit / tiles : unit % layer->groups;",
        "    const int tile = layer->keeps_weights ? unit % tiles : unit / layer->groups;",
        f"    const int oy = tile / across{f' * {rows}' if rows > 1 else ''};",
        "    const int ox = tile % across * layer->columns;",
        "    const int left = layer->width - ox;",
        "    const int columns = left < layer->columns ? left : layer->columns;",
        f"    const float *input = layer->input + oy * layer->input_row + (ptrdiff_t)ox * {step};",
        f"    float *output = layer->output + (ptrdiff_t)group * {blocks} * layer->output_plane +",
        f"                    oy * layer->output_row + (ptrdiff_t)ox * {lanes};",
    ]
    if adds:
        lines += [
            "    const float *residual =",
            f"        layer->residual + (ptrdiff_t)group * {blocks} * layer->residual_plane +",
            f"        oy * layer->residual_row + (ptrdiff_t)ox * {lanes};",
        ]
    call = f"(layer, input, {'residual, ' if adds else ''}output, tile, group, columns);"
    if rows == 1:
        return [*lines, f"    rows_1{call}", "  }", "}"]
    return [
        *lines,
        "    if (oy + 1 < layer->height) {",
        f"      rows_2{call}",
        "    } else {",
        f"      rows_1{call}",
        "    }",
        "  }",
        "}",
    ]
