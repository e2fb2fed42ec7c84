"""C text of a block of filters whose sums lie in the cache: how it begins, how it is stored."""

from __future__ import annotations

from codegen.kernels.microkernel import Microkernel
from codegen.kernels.pattern_conv import most_filters
from codegen.render.entry import entry_lines
from codegen.render.wrapped import wrapped


def block_limit(kernel: Microkernel) -> list[str]:
    """The constant that sums are made for."""
    return [
        f"enum {{ MOST_FILTERS = {most_filters(kernel.tile[0] * kernel.tile[1], kernel.lanes)} }};",
        "",
    ]


def begin_lines(width: int) -> list[str]:
    """Sums of a block start as its bias."""
    return [
        "    const int rest = layer->filter_count - first;",
        "    const int count = rest < layer->block ? rest : layer->block;",
        "    for (int oc = 0; oc < count; ++oc) {",
        "      const vector bias = broadcast(layer->bias[first + oc]);",
        *(f"      sums[{times(width)}oc{after(v)}] = bias;" for v in range(width)),
        "    }",
    ]


def mask_lines(kernel: Microkernel, width: int) -> list[str]:
    """Which lanes of a tile are inside the picture."""
    return [
        f"  const lanes set_{v} = load_mask(layer->mask + position{at(kernel, v)});"
        for v in range(width)
    ]


def store_lines(kernel: Microkernel, width: int) -> list[str]:
    """Residual, activation, zeros outside the picture."""
    adds = "add" in kernel.variant
    lines = [
        "    for (int oc = 0; oc < count; ++oc) {",
        "      const ptrdiff_t plane = (first + oc) * layer->output_plane + position;",
        f"      const vector *sum = sums + {times(width)}oc;",
    ]
    for v in range(width):
        here = at(kernel, v)
        value = f"sum[{v}] + load(layer->residual + plane{here})" if adds else f"sum[{v}]"
        lines += wrapped(f"      const vector y_{v} = activate({value}, layer->alpha, 0.0f);")
        lines.append(f"      store(layer->output + plane{here}, keep(y_{v}, set_{v}));")
    return [*lines, "    }"]


def entry(kernel: Microkernel) -> list[str]:
    """The microkernel itself: tiles of even width, so that none is much narrower than the rest."""
    widths = range(1, kernel.tile[1] + 1)
    lines = [
        *entry_lines(kernel, ("layer->width > 0", "layer->block <= MOST_FILTERS")),
        "  int tiles = (end - begin + layer->width - 1) / layer->width;",
        "  for (int ox = begin; tiles > 0; --tiles) {",
        "    const int width = (end - ox + tiles - 1) / tiles;",
        f"    const ptrdiff_t position = (ptrdiff_t)ox * {kernel.lanes};",
        "    switch (width) {",
    ]
    for width in widths:
        label = "default" if width == widths[-1] else f"case {width}"
        lines += [f"      {label}:", f"        tile_{width}(layer, position);", "        break;"]
    return [*lines, "    }", "    ox += width;", "  }", "}"]


def times(width: int) -> str:
    """Factor of a filter's index in the sums."""
    return f"{width} * " if width > 1 else ""


def after(v: int) -> str:
    """Elements behind the first sum of a filter."""
    return f" + {v}" if v else ""


def at(kernel: Microkernel, v: int) -> str:
    """Elements to the v-th vector of a tile."""
    return f" + {v * kernel.lanes}" if v else ""
