"""C text of pools over windows of any rank and dilation: one loop, and what each does in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import MappingProxyType

from codegen.kernels.microkernel import Microkernel

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class _Pool:
    """A kind of pool.

    Attributes:
        start: of the result of a window.
        take: statement for each value inside the picture.
        end: statements that give the result back.
        helpers: template with functions of its own, or nothing.
    """

    start: str
    take: str
    end: tuple[str, ...]
    helpers: str = ""


_POOLS: Mapping[str, _Pool] = MappingProxyType(
    {
        "max": _Pool("-INFINITY", "result = result < value ? value : result;", ("return result;",)),
        "lp": _Pool(
            "0.0f",
            "result += powf(fabsf(value), layer->order);",
            ("return powf(result, 1.0f / layer->order);",),
        ),
        "average": _Pool(
            "0.0f",
            "result += value;",
            (
                "const int count = counted(z, at[0], layer->counts_padding) *",
                "                  counted(y, at[1], layer->counts_padding) *",
                "                  counted(x, at[2], layer->counts_padding);",
                "return result / (float)(count > 0 ? count : 1);",
            ),
            "pool-direct-counted.c",
        ),
    }
)


def render_pool_direct(kernel: Microkernel) -> list[str]:
    """The function of a kind of pool, which is the kernel's variant."""
    pool = _POOLS[kernel.variant[0]]
    text = (_TEMPLATES / "pool-direct.c").read_text(encoding="utf-8")
    helpers = (_TEMPLATES / pool.helpers).read_text(encoding="utf-8") if pool.helpers else ""
    filled = Template(text).substitute(
        NAME=kernel.name,
        HELPERS=f"{helpers}\n" if helpers else "",
        START=pool.start,
        TAKE=pool.take,
        END="\n".join(f"  {line}" for line in pool.end),
    )
    return filled.splitlines()
