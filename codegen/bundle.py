"""What the compiler hands to the toolchain: C files, the weights blob and the manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class SourceFile:
    """One C file.

    Attributes:
        name: plain file name made by the renderer, never by a user.
        text: its content.
        target: what it is compiled for; empty: what the whole bundle is.
        is_portable: compiled for any processor of the architecture, so that a program can tell
            on all of them what is missing.
    """

    name: str
    text: str
    target: str = ""
    is_portable: bool = False


@dataclass(frozen=True, eq=False)
class SourceBundle:
    """Everything generated for one graph, target and number of threads.

    Attributes:
        files: microkernel sources, whose text depends on family, tile, activation and target
            alone; a program for each instruction set; `model.c`, and the runtime with `model.h`.
        weights: the blob that `punchcard_create` is given; a multiple of 64 bytes.
        manifest: JSON-able; the only place where names of the user's layers stand.
        target: name of the target.
    """

    files: tuple[SourceFile, ...]
    weights: bytes
    manifest: dict[str, Any]
    target: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every byte above."""
        state = hashlib.sha256(self.target.encode())
        for file in self.files:
            head = f"\0{file.name}\0{file.target}\0{len(file.text)}\0"
            state.update(head.encode() + file.text.encode())
        state.update(self.weights)
        state.update(json.dumps(self.manifest, sort_keys=True).encode())
        return state.hexdigest()

    def source(self, name: str) -> str:
        """Text of one file."""
        return next(file.text for file in self.files if file.name == name)
