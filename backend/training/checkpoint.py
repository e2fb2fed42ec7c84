"""A training run at rest: tensors and facts in one safetensors file, written as a whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from backend.training.errors import TrainingError
from backend.training.recipe import Recipe
from codegen.ir.graph import Graph

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything a run needs to go on exactly where it was.

    Attributes:
        run: `run_digest` of the run it belongs to.
        tensors: on the CPU, named `group/name`.
        facts: plain JSON: counters, history.
    """

    run: str
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors of a group, without its name."""
        start = f"{name}/"
        return {
            key.removeprefix(start): value
            for key, value in self.tensors.items()
            if key.startswith(start)
        }


def run_digest(graph: Graph, recipe: Recipe, count: int, parts: tuple[str, ...]) -> str:
    """Tells runs apart: the net at the start, the recipe, how many examples, what else acts."""
    facts = json.dumps([graph.digest, asdict(recipe), count, parts], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; whoever is killed meanwhile leaves the one before.

    Raises:
        TrainingError: it cannot be written.
    """
    header = {"format": FORMAT, "run": checkpoint.run, "facts": checkpoint.facts}
    tensors = {key: value.detach().cpu().contiguous() for key, value in checkpoint.tensors.items()}
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, aside, metadata={"punchcard": json.dumps(header)})
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"the checkpoint {str(path)!r} cannot be written: {reason}"
        raise TrainingError(msg) from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        TrainingError: the file is missing, torn or something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})["punchcard"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if header["format"] != FORMAT:
            msg = f"the checkpoint {str(path)!r} is of another version of Punchcard; delete it"
            raise TrainingError(msg)
        return Checkpoint(str(header["run"]), tensors, header["facts"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        reason = str(error) or type(error).__name__
        msg = f"{str(path)!r} is not a readable checkpoint ({reason}); delete it or name another"
        raise TrainingError(msg) from None


def random_state(generator: torch.Generator) -> dict[str, Tensor]:
    """States of the run's generator and of torch's own ones (dropout)."""
    states = {"order": generator.get_state(), "cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_state(states: Mapping[str, Tensor], generator: torch.Generator) -> None:
    """Put all generators where they were; a GPU's only where there is one."""
    generator.set_state(states["order"])
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
