"""Elements of a storage under an index of any rank: what movement operations rewrite."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from codegen.lowering.layout import LINE_FLOATS, Layout, compact, round_up
from codegen.lowering.program import Address, Space, Storage

Shape = tuple[int, ...]


@dataclass(frozen=True)
class View:
    """Element (i, j, ...) lies `start + i * steps[0] + j * steps[1] + ...` from a storage's base.

    Steps may be zero (repeated) or negative (backwards). A transpose, a slice, most reshapes and
    every repetition are other numbers over the same elements, so that none of them is copied
    before somebody needs its value in one piece.

    Attributes:
        space: of the storage.
        base: of the storage.
        start: first element, in floats from the base.
        sizes: extent of each axis.
        steps: floats between neighbours along each axis.
        layout: of the storage, where padding surrounds what it holds.
    """

    space: Space
    base: int
    start: int
    sizes: Shape
    steps: Shape
    layout: Layout

    @property
    def elements(self) -> int:
        """Number of elements, repeated ones counted as often."""
        return prod(self.sizes)

    @property
    def address(self) -> Address:
        """Pointer to the first element."""
        return Address(self.space, self.base, self.start)

    def transposed(self, perm: Shape) -> View:
        """Axis i is axis `perm[i]` of this one."""
        return replace(
            self,
            sizes=tuple(self.sizes[axis] for axis in perm),
            steps=tuple(self.steps[axis] for axis in perm),
        )

    def sliced(self, starts: Shape, sizes: Shape, steps: Shape) -> View:
        """Elements `starts + i * steps` of each axis."""
        moved = sum(first * step for first, step in zip(starts, self.steps, strict=True))
        strides = tuple(own * step for own, step in zip(self.steps, steps, strict=True))
        return replace(self, start=self.start + moved, sizes=sizes, steps=strides)

    def expanded(self, shape: Shape) -> View:
        """Axes of size 1 and missing leading ones repeated up to a shape."""
        missing = len(shape) - len(self.sizes)
        sizes, steps = (1,) * missing + self.sizes, (0,) * missing + self.steps
        pairs = zip(sizes, shape, steps, strict=True)
        repeated = tuple(0 if size != wanted else step for size, wanted, step in pairs)
        return replace(self, sizes=shape, steps=repeated)

    def reshaped(self, shape: Shape) -> View | None:
        """The same elements in the same order under another shape, if no copy is needed."""
        runs = _runs(*_without_ones(self.sizes, self.steps))
        found: list[int] = []
        rest, step = 1, 0
        # Each run of axes that continue each other is dealt out to new axes.
        for size in shape:
            if size == 1:
                found.append(0)
                continue
            if rest == 1:
                if not runs:
                    return None
                rest, step = runs.pop(0)
            if rest % size:
                return None
            rest //= size
            found.append(step * rest)
        return replace(self, sizes=shape, steps=tuple(found)) if rest == 1 else None


def _runs(sizes: Shape, steps: Shape) -> list[tuple[int, int]]:
    """Neighbouring axes joined where the outer one continues the inner: (size, inner step)."""
    runs: list[tuple[int, int]] = []
    for size, step in zip(sizes, steps, strict=True):
        if runs and runs[-1][1] == step * size:
            runs[-1] = (runs[-1][0] * size, step)
        else:
            runs.append((size, step))
    return runs


def _without_ones(sizes: Shape, steps: Shape) -> tuple[Shape, Shape]:
    kept = [(size, step) for size, step in zip(sizes, steps, strict=True) if size != 1]
    return tuple(size for size, _ in kept), tuple(step for _, step in kept)


def row_major(sizes: Shape) -> Shape:
    """Steps of elements without gaps."""
    return tuple(prod(sizes[axis + 1 :]) for axis in range(len(sizes)))


def view_of(storage: Storage, shape: Shape) -> View:
    """A value in a storage, by its own axes."""
    layout = storage.layout
    if len(shape) == 4 and shape[0] == 1 and (layout.height, layout.width) == shape[2:]:
        steps: Shape = (0, layout.plane, layout.row, 1)
    else:
        assert not layout.is_planar, (layout, shape)
        steps = row_major(shape)
    first = layout.origin + storage.first
    return View(storage.space, storage.base, first, shape, steps, layout)


def common_shape(one: Shape, other: Shape) -> Shape | None:
    """The coarsest shape that cuts the axes of both, or None where their cuts interleave."""
    cuts = sorted({*_cuts(one), *_cuts(other)})
    if any(outer % inner for inner, outer in zip(cuts, cuts[1:], strict=False)):
        return None
    return tuple(outer // inner for inner, outer in zip(cuts, cuts[1:], strict=False))[::-1]


def _cuts(shape: Shape) -> set[int]:
    return {prod(shape[axis:]) for axis in range(len(shape) + 1)}


def storage_of(view: View, shape: Shape) -> Storage | None:
    """The storage that a view of a value is, or None where it must be copied to be one.

    Whole channels of padded planes are padded planes too, as the zeros around them stay.
    """
    layout, first = view.layout, view.start - view.layout.origin
    if not layout.is_planar:
        is_dense = _has_steps(view, row_major(view.sizes))
        return (
            Storage(view.space, view.base, compact(*planes_of(shape)), first) if is_dense else None
        )
    is_picture = len(shape) == 4 and shape[0] == 1 and view.sizes == shape
    if not is_picture or (layout.height, layout.width) != shape[2:]:
        return None
    if not _has_steps(view, (0, layout.plane, layout.row, 1)) or first % layout.plane:
        return None
    size = round_up(shape[1] * layout.plane + layout.origin, LINE_FLOATS)
    return Storage(view.space, view.base, replace(layout, channels=shape[1], size=size), first)


def _has_steps(view: View, steps: Shape) -> bool:
    triples = zip(view.sizes, view.steps, steps, strict=True)
    return all(size == 1 or own == wanted for size, own, wanted in triples)


def planes_of(shape: Shape) -> tuple[int, int, int]:
    """Planes, rows and columns of a value: a single row of all where it is no picture."""
    if len(shape) == 4 and shape[0] == 1:
        return shape[1], shape[2], shape[3]
    return prod(shape), 1, 1
