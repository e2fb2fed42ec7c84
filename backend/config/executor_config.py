"""The section `executor` of CONFIG.yaml: where candidates are evaluated, and with how much."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator


class ExecutorConfig(BaseModel):
    """Where candidates are evaluated; no part of what a search is, so a resume may change it.

    Attributes:
        kind: "local" (processes on this computer) or "ray"; empty: $PUNCHCARD_EXECUTOR, "local".
        address: of a Ray cluster, HOST:PORT; empty: $PUNCHCARD_RAY_ADDRESS, or the one that runs
            on this computer.
        cpus: cores of one evaluation; parts of one where evaluations wait more than they compute.
        gpus: of one evaluation, or a part of one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: str = ""
    address: str = Field(default="", max_length=300, pattern=r"^[A-Za-z0-9_.:\[\]-]*$")
    cpus: float = Field(default=1.0, gt=0, le=1024)
    gpus: float = Field(default=0.0, ge=0, le=64)

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        from backend.search.executors import EXECUTORS

        if kind not in ("", *EXECUTORS):
            msg = f"there is no executor {kind!r}; take one of {', '.join(EXECUTORS)}"
            raise ValueError(msg)
        return kind
