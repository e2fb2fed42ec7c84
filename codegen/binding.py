"""Runs a compiled model from Python: its shared library through ctypes, its weights mapped."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from codegen.errors import PunchcardError

FloatArray = npt.NDArray[np.float32]


class ModelError(PunchcardError):
    """A compiled model refuses what it was given; the message holds its own words."""


class _Info(ctypes.Structure):
    _fields_: ClassVar = [
        ("input_elements", ctypes.c_size_t),
        ("output_elements", ctypes.c_size_t),
        ("weights_bytes", ctypes.c_size_t),
        ("arena_bytes", ctypes.c_size_t),
        ("weights_check", ctypes.c_uint64),
        ("layers", ctypes.c_int),
    ]


class _Options(ctypes.Structure):
    _fields_: ClassVar = [
        ("threads", ctypes.c_int),
        ("first_core", ctypes.c_int),
        ("program", ctypes.c_char_p),
        ("keeps_denormals", ctypes.c_int),
    ]


# Name behind the prefix, result, arguments.
_FUNCTIONS: Mapping[str, tuple[Any, tuple[Any, ...]]] = MappingProxyType(
    {
        "get_info": (ctypes.POINTER(_Info), ()),
        "error_text": (ctypes.c_char_p, (ctypes.c_int,)),
        "create_from_file": (
            ctypes.c_int,
            (ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p, ctypes.POINTER(_Options)),
        ),
        "run_profiled": (
            ctypes.c_int,
            (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
        ),
        "destroy": (None, (ctypes.c_void_p,)),
        "program_name": (ctypes.c_char_p, (ctypes.c_void_p,)),
        "missing_feature": (ctypes.c_char_p, ()),
    }
)


class CompiledModel:
    """An instance of a compiled model; different instances may run in different threads.

    The library drops Python's lock while it computes. Close it, or use it in a `with` block.
    """

    def __init__(
        self,
        library: Path,
        weights: Path,
        *,
        threads: int = 1,
        first_core: int = -1,
        program: str | None = None,
        keeps_denormals: bool = False,
        prefix: str = "punchcard",
    ) -> None:
        """Load a model.

        Args:
            library: `libmodel.so` of a package.
            weights: its `weights.bin`.
            threads: that share a run, the caller's among them.
            first_core: thread t runs on core first_core + t; -1 leaves it to the system.
            program: name of the instruction set's program; by default the best that runs here.
            keeps_denormals: numbers below 1.2e-38 do not count as zero, which is slower.
            prefix: of the names in C, as given to `punchcard compile --prefix`.

        Raises:
            ModelError: the library cannot be loaded, or refuses the weights, the number of
                threads or this processor.
        """
        self._handle = ctypes.c_void_p()
        try:
            loaded = ctypes.CDLL(str(library))
            self._calls = {name: getattr(loaded, f"{prefix}_{name}") for name in _FUNCTIONS}
        except (OSError, AttributeError) as error:
            msg = f"{library} is not the library of a model with prefix {prefix!r}: {error}"
            raise ModelError(msg) from error
        for name, (result, arguments) in _FUNCTIONS.items():
            self._calls[name].restype = result
            self._calls[name].argtypes = arguments
        chosen = None if program is None else program.encode()
        options = _Options(threads, first_core, chosen, int(keeps_denormals))
        status = self._calls["create_from_file"](
            ctypes.byref(self._handle), str(weights).encode(), ctypes.byref(options)
        )
        self._check(status, f"{library} with {weights}")
        info = self._calls["get_info"]().contents
        self.input_elements: int = info.input_elements
        self.output_elements: int = info.output_elements
        self.layers: int = info.layers
        self.program: str = self._calls["program_name"](self._handle).decode()

    def run(
        self, values: FloatArray, layer_ms: npt.NDArray[np.float64] | None = None
    ) -> FloatArray:
        """Compute the outputs.

        Args:
            values: f32, all inputs one behind the other; any shape with as many elements.
            layer_ms: (layers,), to which the milliseconds of each layer are added.

        Returns:
            f32 (output_elements,): all outputs one behind the other.

        Raises:
            ModelError: the number of elements is wrong, the model is closed, or it is running.
        """
        if not self._handle:
            msg = "the model is closed"
            raise ModelError(msg)
        given = np.ascontiguousarray(values, dtype=np.float32)
        if given.size != self.input_elements:
            msg = f"the model takes {self.input_elements} input values, not {given.size}"
            raise ModelError(msg)
        if layer_ms is not None and (
            layer_ms.shape != (self.layers,)
            or layer_ms.dtype != np.float64
            or not layer_ms.flags.c_contiguous
        ):
            msg = f"layer_ms must be a contiguous float64 array of shape ({self.layers},)"
            raise ModelError(msg)
        output = np.empty(self.output_elements, dtype=np.float32)
        status = self._calls["run_profiled"](
            self._handle,
            given.ctypes.data,
            output.ctypes.data,
            None if layer_ms is None else layer_ms.ctypes.data,
        )
        self._check(status, "the model")
        return output

    def close(self) -> None:
        """Free the instance; a second call does nothing."""
        if self._handle:
            self._calls["destroy"](self._handle)
            self._handle = ctypes.c_void_p()

    def __enter__(self) -> CompiledModel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self, status: int, what: str) -> None:
        if status == 0:
            return
        text = self._calls["error_text"](status).decode()
        missing = self._calls["missing_feature"]()
        lacks = f" (it lacks {missing.decode()})" if missing else ""
        msg = f"{what}: {text}{lacks}"
        raise ModelError(msg)
