"""What of a model file can be compiled, and what cannot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class UnsupportedNode:
    """One node of the file that cannot be taken.

    Attributes:
        node: its name in the file, or of its output where it has none.
        op: its operator.
        hint: why, and what to do about it.
    """

    node: str
    op: str
    hint: str


@dataclass(frozen=True)
class SupportReport:
    """The answer of `punchcard import`.

    Attributes:
        supported: whether the whole model can be compiled.
        nodes: number of nodes in the file.
        unsupported: every node that cannot be taken, in the file's order.
        macs: multiply-accumulates of one dense run at batch 1, of the layers that were read.
        parameters: learnt values of those layers.
        reason: why the file could not be read at all; empty where it could.
    """

    supported: bool
    nodes: int
    unsupported: tuple[UnsupportedNode, ...]
    macs: int
    parameters: int
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "unsupported": [asdict(item) for item in self.unsupported]}


def shown(name: str, limit: int = 80) -> str:
    """A name from a stranger's file, quoted, escaped and cut, for one line of a message."""
    cut = name if len(name) <= limit else name[: limit - 3] + "..."
    return ascii(cut)
