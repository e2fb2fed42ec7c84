"""PLAN.yaml: what a person writes for one candidate.

```yaml
default: {scheme: block_punched, rate: 4, block: [8, 4]}
layers:
  conv1: {scheme: dense}
  layer1.0.conv1: {filter_type: conv1x1, scheme: block_punched, rate: 2}
  layer1.0.conv2: {filter_type: skip}
```

The default goes to every layer its scheme can prune at its rate; layers named by themselves must
fit. `balance` and `axes` are those of `LayerChoice`, `filter_type` is a row of
`backend.models.filter_types`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from backend.models.filter_types import FILTER_TYPES, why_illegal_filter_type
from backend.sparsity.candidate import AXES, BALANCES, Candidate, LayerChoice
from backend.sparsity.choice_site import ChoiceSite
from backend.sparsity.patterns import PatternSet, preset_patterns
from backend.sparsity.prune import check_candidate, prunable_layers, pruned_layers
from backend.sparsity.schemes import SCHEMES
from codegen.errors import PlanError
from codegen.ir.graph import Graph

_Count = Annotated[int, Field(ge=1, le=65536)]


class LayerPlan(BaseModel):
    """One layer's lines of a plan; see `LayerChoice` for the fields."""

    model_config = ConfigDict(extra="forbid")

    scheme: str = "dense"
    rate: Annotated[float, Field(ge=1, le=1e6, allow_inf_nan=False)] = 1.0
    block: tuple[_Count, _Count] = LayerChoice.block
    patterns: str = LayerChoice.patterns
    group: _Count = LayerChoice.group
    balance: str = LayerChoice.balance
    axes: str = LayerChoice.axes
    filter_type: str = LayerChoice.filter_type

    @field_validator("filter_type")
    @classmethod
    def _known_filter_type(cls, name: str) -> str:
        if name not in FILTER_TYPES:
            msg = f"there is no filter type {name!r}; take {', '.join(FILTER_TYPES)}"
            raise ValueError(msg)
        return name

    @field_validator("balance", "axes")
    @classmethod
    def _known(cls, word: str, info: ValidationInfo) -> str:
        known = BALANCES if info.field_name == "balance" else AXES
        if word not in known:
            msg = f"{word!r} is not one of {', '.join(known)}"
            raise ValueError(msg)
        return word

    def choice(self) -> LayerChoice:
        """The same as a value of the engine."""
        return LayerChoice(**self.model_dump())


class Plan(BaseModel):
    """A whole plan."""

    model_config = ConfigDict(extra="forbid")

    default: LayerPlan = LayerPlan(scheme="dense")
    layers: dict[str, LayerPlan] = {}


def load_plan(
    path: Path, graph: Graph, *, pattern_sets: dict[str, PatternSet] | None = None
) -> Candidate:
    """Read a plan file and check it against a model.

    Raises:
        PlanError: the file cannot be read, has unknown keys, names an absent layer, or asks for a
            scheme or rate that a layer cannot have; the message says where.
    """
    return parse_plan(read_plan(path), graph, name=path.name, pattern_sets=pattern_sets)


def read_plan(path: Path) -> str:
    """Text of a plan file.

    Raises:
        PlanError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the plan {path.name!r} cannot be read: {error}"
        raise PlanError(msg) from None


def parse_plan(
    text: str,
    graph: Graph,
    *,
    name: str = "plan",
    pattern_sets: dict[str, PatternSet] | None = None,
) -> Candidate:
    """As `load_plan`, of a text."""
    plan = _validate(text, name)
    choices: dict[str, LayerChoice] = {}
    default = plan.default.choice()
    if default.scheme not in SCHEMES:
        msg = f"{name}, default: there is no scheme {default.scheme!r}; take {', '.join(SCHEMES)}"
        raise PlanError(msg)
    choices |= _default_choices(graph, default, pattern_sets)
    for layer, layer_plan in plan.layers.items():
        choices[layer] = layer_plan.choice()
        if choices[layer].scheme == "dense" and choices[layer].rate != 1.0:
            msg = f"{name}, layer {layer!r}: a dense layer has rate 1, not {choices[layer].rate:g}"
            raise PlanError(msg)
    # dense choices fall out of a candidate: ask for the layers' names before
    named = Candidate.of({layer: LayerChoice("unstructured", 1.0) for layer in plan.layers})
    pruned_layers(graph, named, pattern_sets)
    candidate = Candidate.of(choices)
    check_candidate(graph, candidate, pattern_sets)
    return candidate


def write_plan(candidate: Candidate) -> str:
    """A plan file that gives this candidate again."""
    layers: dict[str, dict[str, Any]] = {}
    for name, choice in candidate.choices:
        line: dict[str, Any] = {"scheme": choice.scheme, "rate": round(choice.rate, 6)}
        line |= {key: getattr(choice, key) for key in choice.fields if key != "rate"}
        if "block" in line:
            line["block"] = list(choice.block)
        layers[name] = line
    plan = {"default": {"scheme": "dense"}, "layers": layers}
    return yaml.safe_dump(plan, sort_keys=False, default_flow_style=None)


def _default_choices(
    graph: Graph, choice: LayerChoice, pattern_sets: dict[str, PatternSet] | None
) -> dict[str, LayerChoice]:
    """The default on every layer that can have it; layers that cannot are left dense.

    Raises:
        PlanError: layers have the scheme, but none has the rate.
    """
    sets = preset_patterns() if pattern_sets is None else pattern_sets
    problem, other = None, None
    choices: dict[str, LayerChoice] = {}
    for node in prunable_layers(graph):
        refused = why_illegal_filter_type(graph, node, choice.filter_type)
        if refused is not None:
            other = other or f"{node.name!r}: {refused}"
            continue
        site = ChoiceSite(graph, node, choice.filter_type, sets)
        found = site.why_not_scheme(choice)
        if found is not None and choice.filter_type == "keep":
            continue
        found = found or site.problem(choice)
        if found is None:
            choices[node.name] = choice
        problem = problem or found
    problem = problem or other
    if problem is not None and not choices:
        words = [choice.filter_type] if choice.filter_type != "keep" else []
        words += [f"pruned by {choice.scheme}"] if choice.scheme != "dense" else []
        what = " and ".join(words)
        msg = f"no layer can be {what} as the default says: {problem}"
        raise PlanError(msg)
    return choices


def _validate(text: str, name: str) -> Plan:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        msg = f"{name} is not YAML{line}: {getattr(error, 'problem', None) or error}"
        raise PlanError(msg) from None
    if not isinstance(content, dict):
        msg = f"{name} is not a plan: it needs the keys `default` and `layers`"
        raise PlanError(msg)
    try:
        return Plan.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where_text = ".".join(str(part) for part in first["loc"])
        what = "is not a key of a plan" if first["type"] == "extra_forbidden" else first["msg"]
        what = what.removeprefix("Value error, ")
        msg = f"{name}: {where_text}: {what}"
        raise PlanError(msg) from None
