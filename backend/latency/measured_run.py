"""One whole candidate as it ran on a device, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FIT, CHECK = "fit", "check"


@dataclass(frozen=True)
class MeasuredRun:
    """One program, timed in turns with the dense net and profiled.

    Times are brought to the clock of the table's dense net: milliseconds times `dense_ms` of the
    net over the dense median of the same rounds.

    Attributes:
        net: digest of the net's layers, see `net_digest`.
        labels: choice of every searched layer.
        latency_ms: end to end.
        layer_ms: inside the net, by searched layer; what a layer left behind when it was skipped
            counts for it.
        is_unstable: the steadiest attempt still had a 95th percentile over 1.2 medians.
        role: "fit" for what models learn from, "check" for what is only compared with them.
        predicted_ms: what the model said before a check was measured.
    """

    net: str
    labels: Mapping[str, str]
    latency_ms: float
    layer_ms: Mapping[str, float]
    is_unstable: bool = False
    role: str = FIT
    predicted_ms: float | None = None

    def __post_init__(self) -> None:
        # As in the file: what a resumed build proposes must not depend on the last digits.
        rounded = {name: round(ms, 7) for name, ms in self.layer_ms.items()}
        object.__setattr__(self, "layer_ms", rounded)
        object.__setattr__(self, "latency_ms", round(self.latency_ms, 7))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        found: dict[str, Any] = {
            "net": self.net,
            "labels": dict(self.labels),
            "latency_ms": self.latency_ms,
            "layer_ms": dict(self.layer_ms),
            "is_unstable": self.is_unstable,
            "role": self.role,
        }
        if self.predicted_ms is not None:
            found["predicted_ms"] = round(self.predicted_ms, 7)
        return found

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> MeasuredRun:
        """Read what `to_json` wrote.

        Raises:
            KeyError: a field is missing.
            ValueError: a time is not a positive number, or the role is unknown.
        """
        predicted = found.get("predicted_ms")
        run = cls(
            net=str(found["net"]),
            labels={str(name): str(label) for name, label in found["labels"].items()},
            latency_ms=float(found["latency_ms"]),
            layer_ms={str(name): float(ms) for name, ms in found["layer_ms"].items()},
            is_unstable=bool(found["is_unstable"]),
            role=str(found["role"]),
            predicted_ms=None if predicted is None else float(predicted),
        )
        times = [run.latency_ms, *run.layer_ms.values()]
        if not all(0 <= ms < 1e9 for ms in times) or not run.latency_ms:
            msg = "a time is no number of milliseconds"
            raise ValueError(msg)
        if run.role not in (FIT, CHECK):
            msg = f"a run is 'fit' or 'check', not {run.role[:20]!r}"
            raise ValueError(msg)
        return run
