"""State dicts as torch saves them, read as arrays; nothing in such a file is run."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import numpy.typing as npt
import torch

from codegen.errors import GraphError


def read_torch_file(path: Path) -> dict[str, npt.NDArray[np.floating]]:
    """Arrays by name.

    Raises:
        GraphError: the file holds something else than tensors by name.
    """
    refusals = (OSError, ValueError, RuntimeError, AttributeError, TypeError, EOFError)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except (*refusals, UnpicklingError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = f"{path.name!r} is no file of torch weights: {said.split('. ')[0]}"
        raise GraphError(msg) from None
