"""A classifier with frozen weights whose class scores are led back to the pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.data.batches import normalise
from backend.data.image_data import Pixels
from backend.enhancement.errors import EnhancementError
from backend.enhancement.rectifiers import rectified_values
from backend.models.graph_module import GraphModule
from backend.training.evaluate import preprocessing_of
from codegen.ir.batch import keeps_batch
from codegen.ir.graph import Graph
from codegen.ir.passes.fold_batch_norm import fold_batch_norm

_PIXELS_OF_A_BATCH = 50 * 28 * 28


class AttributedNet:
    """A graph in evaluation mode, fp32, with batch norm folded away.

    Args:
        graph: a classifier of single pictures, with preprocessing.

    Raises:
        EnhancementError: the graph is no such classifier.
        DataError: it stores no preprocessing.
    """

    def __init__(self, graph: Graph) -> None:
        self.name = graph.name
        self.preprocessing = preprocessing_of(graph)
        self.graph = fold_batch_norm(graph)
        inputs = [kind.shape for _, kind in self.graph.inputs]
        output = self.graph.type_of(self.graph.outputs[0]).shape
        if len(inputs) != 1 or len(inputs[0]) != 4 or inputs[0][0] != 1 or len(output) != 2:
            msg = (
                f"the model {graph.name!r} makes {output} of {inputs}: "
                "the study needs a net that makes class scores (1, classes) of one picture"
            )
            raise EnhancementError(msg)
        self.input_shape = inputs[0][1:]
        self.classes = output[1]
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._module = GraphModule(self.graph, channels_last=True).to(self.device).eval()
        for parameter in self._module.parameters():
            parameter.requires_grad_(False)
        self._rectified = rectified_values(self.graph)
        fits = max(1, _PIXELS_OF_A_BATCH // (self.input_shape[1] * self.input_shape[2]))
        # hooks on values need a run of the whole batch at once
        self.batch = fits if keeps_batch(self.graph) else 1

    def normalised(self, images: Pixels) -> Tensor:
        """u8 images (n, c, h, w) as the net's input, on its device."""
        return normalise(torch.from_numpy(images).to(self.device), self.preprocessing)

    def box(self) -> tuple[Tensor, Tensor]:
        """Black and white as the net sees them, each (1, c, 1, 1)."""
        ends = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
        low, high = normalise(ends.expand(2, self.input_shape[0], 1, 1), self.preprocessing)
        return low[None].to(self.device), high[None].to(self.device)

    @torch.no_grad()
    def scores(self, x: Tensor) -> Tensor:
        """Class scores (n, classes) of inputs (n, c, h, w)."""
        result: Tensor = self._module(x)
        return result

    def values(self, x: Tensor, name: str) -> Tensor:
        """The value of a node, with gradient where `x` asks for it; later nodes are not run."""
        return self._module.forward_values(x, names=(name,))[name]

    def class_gradient(self, x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of one class each (n,), and their gradients in the pixels (n, c, h, w)."""
        x = x.detach().requires_grad_()
        scores = self._module(x).gather(1, classes.view(-1, 1))
        (gradient,) = torch.autograd.grad(scores.sum(), x)
        return scores.detach().flatten(), gradient

    def guided_gradient(self, x: Tensor, classes: Tensor) -> Tensor:
        """Guided back-propagation of one class's score each: (n, c, h, w).

        Springenberg et al., Striving for Simplicity (ICLR workshop 2015), fig. 1: at a ReLU
        R_in = [y > 0] [R_out > 0] R_out, clamped forwards and backwards. For other rectifiers we
        keep their slope: R_in = g'(z) [y > 0] [R_out > 0] R_out with y = g(z). A ReLU6 so stops
        what saturates, a hard swish what it makes negative; gates keep their plain gradient.
        """
        x = x.detach().requires_grad_()
        output = self.graph.outputs[0]
        values = self._module.forward_values(x, names={*self._rectified, output})
        for name in self._rectified:
            if values[name].requires_grad:
                values[name].register_hook(  # type: ignore[no-untyped-call]
                    _Clamp(values[name].detach())
                )
        scores = values[output].gather(1, classes.view(-1, 1))
        (gradient,) = torch.autograd.grad(scores.sum(), x)
        return gradient


class _Clamp:
    """Lets a gradient through where it and the value it belongs to are positive."""

    def __init__(self, value: Tensor) -> None:
        self._value = value

    def __call__(self, gradient: Tensor) -> Tensor:
        return gradient.clamp(min=0.0) * (self._value > 0)
