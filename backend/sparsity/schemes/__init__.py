"""Pruning schemes: one file each, one line here."""

from backend.sparsity.schemes.block import Block
from backend.sparsity.schemes.block_punched import BlockPunched
from backend.sparsity.schemes.dense import Dense
from backend.sparsity.schemes.filters import Filters
from backend.sparsity.schemes.one_by_n import OneByN
from backend.sparsity.schemes.pattern import Pattern
from backend.sparsity.schemes.scheme import Scheme
from backend.sparsity.schemes.unstructured import Unstructured

__all__ = ["SCHEMES", "Scheme"]

SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Dense(),
        Unstructured(),
        Filters(),
        Pattern(),
        BlockPunched(),
        Block(),
        OneByN(),
    )
}
