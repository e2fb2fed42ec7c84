"""Makes one node from its parts: defaults filled in, type inferred, everything checked."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.errors import GraphError
from codegen.ir.node import AttrValue, Node
from codegen.ir.ops import OPS
from codegen.ir.tensor import TensorType
from codegen.ir.weight import Weight

# What a shape rule meets in a damaged file: lists of a wrong length, wrong types, a stride of zero.
_DAMAGE = (ValueError, TypeError, ArithmeticError, LookupError, AssertionError)


def make_node(
    name: str,
    op: str,
    inputs: tuple[str, ...],
    types: tuple[TensorType, ...],
    attrs: Mapping[str, AttrValue] | None = None,
    weight_keys: Mapping[str, str] | None = None,
    weights: Mapping[str, Weight] | None = None,
) -> Node:
    """Build one node: defaults filled in, type inferred, arity and weights checked.

    Raises:
        GraphError: the op is unknown, or inputs, attributes or weights do not fit it.
    """
    row = OPS.get(op)
    if row is None:
        msg = f"node {name!r}: there is no operation {op!r}"
        raise GraphError(msg)
    least, most = row.arity
    if len(inputs) < least or (most is not None and len(inputs) > most):
        msg = f"node {name!r}: {op} takes {least} to {most} inputs, got {len(inputs)}"
        raise GraphError(msg)
    given = dict(attrs or {})
    unknown = sorted(given.keys() - row.attrs.keys())
    if unknown:
        msg = f"node {name!r}: {op} has no attribute {unknown[0]!r}"
        raise GraphError(msg)
    filled = {key: given.get(key, default) for key, default in row.attrs.items()}
    missing = sorted(key for key, value in filled.items() if value is None)
    if missing:
        msg = f"node {name!r}: {op} needs the attribute {missing[0]!r}"
        raise GraphError(msg)
    keys = dict(weight_keys or {})
    absent = [r for r in row.roles if r not in keys and r not in row.optional_roles]
    if absent or keys.keys() - set(row.roles):
        msg = f"node {name!r}: {op} takes the weights {row.roles}, got {sorted(keys)}"
        raise GraphError(msg)
    shapes = {role: (weights or {})[key].values.shape for role, key in keys.items()}
    try:
        inferred = row.infer(types, {k: v for k, v in filled.items() if v is not None}, shapes)
    except GraphError as error:
        msg = f"node {name!r} ({op}): {error}"
        raise GraphError(msg) from None
    except _DAMAGE:
        msg = f"node {name!r} ({op}): its attributes or weights {shapes} have impossible forms"
        raise GraphError(msg) from None
    return Node(
        name=name,
        op=op,
        inputs=inputs,
        type=inferred,
        attr_items=tuple(sorted((k, v) for k, v in filled.items() if v is not None)),
        weight_items=tuple((role, keys[role]) for role in row.roles if role in keys),
    )
