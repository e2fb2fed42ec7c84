"""A latency table: what was measured on one device for one target, as a file that can be shared."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from backend.latency.entry import Entry
from backend.latency.errors import LatencyError
from backend.latency.measured_run import FIT, MeasuredRun
from backend.sparsity.candidate import LayerChoice
from codegen.compiler import VERSION
from codegen.errors import PlanError

FORMAT = 1
GENERATOR = f"punchcard {VERSION}"


@dataclass(frozen=True)
class TableNet:
    """A net whose layers stand in a table.

    Attributes:
        name: of the model, for people.
        signatures: of its searched layers, in the order of the graph.
        dense_ms: of the dense net when the table was begun: the clock of all its times.
    """

    name: str
    signatures: Mapping[str, str]
    dense_ms: float


@dataclass(frozen=True)
class LatencyTable:
    """Measured programs of one device and target; entries by (layer shape, choice) follow.

    Attributes:
        device: `name`, `identity` (hash of what decides a latency), and facts for people.
        target: full name of the compiler's target.
        compiler: name and version of the C compiler.
        nets: by `net_digest`.
        runs: every measured program, in the order they were taken.
        generator: version of the generated code.
        seed: of the drawn candidates.
    """

    device: Mapping[str, Any]
    target: str
    compiler: str
    nets: Mapping[str, TableNet]
    runs: tuple[MeasuredRun, ...] = ()
    generator: str = GENERATOR
    seed: int = 0
    notes: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def entries(self) -> Mapping[str, Mapping[str, Entry]]:
        """Signature to label to entry, over the runs that models may learn from."""
        times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for run in self.runs_of(FIT):
            for layer, signature in self.nets[run.net].signatures.items():
                if layer in run.labels:
                    ms = run.layer_ms.get(layer, 0.0)
                    times[signature][run.labels[layer]].append(ms)
        return {
            signature: {label: Entry.of(found) for label, found in row.items()}
            for signature, row in times.items()
        }

    def runs_of(self, role: str, net: str | None = None) -> list[MeasuredRun]:
        """Runs of a role, of one net or of all."""
        return [run for run in self.runs if run.role == role and net in (None, run.net)]

    def with_runs(self, runs: Iterable[MeasuredRun]) -> LatencyTable:
        """The table with more runs behind its own."""
        return replace(self, runs=(*self.runs, *runs))

    def why_unfit(self, identity: str, target: str) -> str | None:
        """Why its times do not hold for a device and target, or None where they do."""
        if self.device.get("identity") != identity:
            return f"it was measured on another device ({self.device.get('cpu') or 'unknown'})"
        if self.target != target:
            return f"it was measured for target {self.target}, not {target}"
        if self.generator != GENERATOR:
            return f"it was measured with code of {self.generator}, this is {GENERATOR}"
        return None

    def coverage(self, signatures: Mapping[str, str], labels: Mapping[str, Iterable[str]]) -> float:
        """Share of a space's distinct (layer shape, choice) pairs that ran twice or more."""
        wanted = {(signatures[layer], label) for layer, menu in labels.items() for label in menu}
        rows = self.entries
        found = sum(
            rows.get(signature, {}).get(label, _NONE).count >= 2 for signature, label in wanted
        )
        return found / max(len(wanted), 1)

    def to_json(self) -> str:
        """The file's text; entries stand in it for readers, runs are what counts."""
        found = {
            "format": FORMAT,
            "device": dict(self.device),
            "target": self.target,
            "compiler": self.compiler,
            "generator": self.generator,
            "seed": self.seed,
            "notes": dict(self.notes),
            "nets": {
                digest: {
                    "name": net.name,
                    "dense_ms": net.dense_ms,
                    "layers": [list(pair) for pair in net.signatures.items()],
                }
                for digest, net in self.nets.items()
            },
            "entries": {
                signature: {label: entry.to_json() for label, entry in sorted(row.items())}
                for signature, row in self.entries.items()
            },
            "runs": [run.to_json() for run in self.runs],
        }
        return json.dumps(found, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, source: str = "the file") -> LatencyTable:
        """Read what `to_json` wrote.

        Raises:
            LatencyError: it is no latency table, or one of another version.
        """
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                msg = f"{source} has format {found['format']!r}, this version reads {FORMAT}"
                raise LatencyError(msg)
            table = cls(
                device={str(key): value for key, value in found["device"].items()},
                target=str(found["target"]),
                compiler=str(found["compiler"]),
                nets={str(key): _net(item) for key, item in found["nets"].items()},
                runs=tuple(MeasuredRun.from_json(item) for item in found["runs"]),
                generator=str(found["generator"]),
                seed=int(found["seed"]),
                notes=dict(found.get("notes", {})),
            )
            _check(table)
        except (ValueError, KeyError, TypeError, AttributeError, PlanError) as error:
            msg = f"{source} is no latency table: {type(error).__name__}: {error}"
            raise LatencyError(msg[:400]) from None
        return table


_NONE = Entry(0, 0.0, 0.0)


def _net(found: Mapping[str, Any]) -> TableNet:
    signatures = {str(layer): str(signature) for layer, signature in found["layers"]}
    return TableNet(str(found["name"]), signatures, float(found["dense_ms"]))


def _check(table: LatencyTable) -> None:
    if not isinstance(table.device["identity"], str):
        msg = "the device has no identity"
        raise TypeError(msg)
    for label in {label for run in table.runs for label in run.labels.values()}:
        LayerChoice.parse(label)
    for run in table.runs:
        if set(run.labels) != set(table.nets[run.net].signatures):
            msg = "a run names other layers than its net"
            raise ValueError(msg)
