"""Puts published weights into a graph, by their torch names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from codegen.errors import GraphError
from codegen.ir.graph import Graph
from codegen.ir.weight import Weight

_COUNTER = "num_batches_tracked"
_SHOWN = 5


def load_state(graph: Graph, arrays: Mapping[str, npt.NDArray[np.floating]]) -> Graph:
    """The graph with every weight taken from a state dict; masks are dropped.

    Batch norm's counters are ignored, everything else must fit exactly.

    Raises:
        GraphError: names are missing or unexpected, or shapes differ; all are listed by kind.
    """
    given = {key: value for key, value in arrays.items() if not key.endswith(_COUNTER)}
    missing = sorted(graph.weights.keys() - given.keys())
    unexpected = sorted(given.keys() - graph.weights.keys())
    mismatched = [
        f"{key} {tuple(np.shape(given[key]))} instead of {graph.weights[key].values.shape}"
        for key in sorted(graph.weights.keys() & given.keys())
        if tuple(np.shape(given[key])) != graph.weights[key].values.shape
    ]
    problems = [
        f"{kind}: {', '.join(names[:_SHOWN])}{_more(names)}"
        for kind, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", mismatched),
        )
        if names
    ]
    if problems:
        msg = f"these weights do not fit {graph.name!r}; {'; '.join(problems)}"
        raise GraphError(msg)
    return graph.with_weights(
        {key: Weight(np.asarray(value, dtype=np.float32)) for key, value in given.items()}
    )


def _more(names: list[str]) -> str:
    return f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
