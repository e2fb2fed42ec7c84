"""The one representation of a model: typed nodes, shapes, weights with masks."""

from codegen.ir.builder import GraphBuilder
from codegen.ir.graph import Graph, Preprocessing
from codegen.ir.node import Node
from codegen.ir.tensor import TensorType
from codegen.ir.text import parse_graph, print_graph
from codegen.ir.verify import verify_graph
from codegen.ir.weight import Weight

__all__ = [
    "Graph",
    "GraphBuilder",
    "Node",
    "Preprocessing",
    "TensorType",
    "Weight",
    "parse_graph",
    "print_graph",
    "verify_graph",
]
