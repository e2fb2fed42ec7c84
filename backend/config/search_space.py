"""The `space` of CONFIG.yaml: what layers choose from, for all of them and for single ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from backend.config.search_menus import MENUS

Block = tuple[int, int]


def _known_schemes(schemes: tuple[str, ...]) -> tuple[str, ...]:
    from backend.sparsity.schemes import SCHEMES

    return _known("scheme", schemes, tuple(SCHEMES))


def _known_filter_types(names: tuple[str, ...]) -> tuple[str, ...]:
    from backend.models.filter_types import FILTER_TYPES

    return _known("filter type", names, tuple(FILTER_TYPES))


def _known(what: str, names: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        msg = f"name at least one {what}"
        raise ValueError(msg)
    for name in names:
        if name not in known:
            msg = f"there is no {what} {name!r}; choose among {', '.join(known)}"
            raise ValueError(msg)
    return tuple(dict.fromkeys(names))


def _possible_rates(rates: tuple[float, ...]) -> tuple[float, ...]:
    wrong = [rate for rate in rates if not 1.0 <= rate <= 1000.0]
    if wrong:
        msg = f"a rate (dense weights / kept ones) is 1 to 1000, not {wrong[0]:g}"
        raise ValueError(msg)
    return tuple(sorted(set(rates)))


def _some_rates(rates: tuple[float, ...]) -> tuple[float, ...]:
    if not rates:
        msg = "name at least one rate"
        raise ValueError(msg)
    return _possible_rates(rates)


def _blocks_with_weights(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    if not blocks:
        msg = "name at least one block"
        raise ValueError(msg)
    if any(min(block) < 1 or max(block) > 1024 for block in blocks):
        msg = "a block is filters x channels, each 1 to 1024"
        raise ValueError(msg)
    return tuple(dict.fromkeys(blocks))


Schemes = Annotated[tuple[str, ...], AfterValidator(_known_schemes)]
FilterTypes = Annotated[tuple[str, ...], AfterValidator(_known_filter_types)]
Rates = Annotated[tuple[float, ...], AfterValidator(_some_rates)]
MoreRates = Annotated[tuple[float, ...], AfterValidator(_possible_rates)]
Blocks = Annotated[tuple[Block, ...], AfterValidator(_blocks_with_weights)]


class LayerConfig(BaseModel):
    """One layer's own menu; what is not given is the space's.

    `rates` stand for all schemes here. A filter type named here may cost more than the layer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    filter_types: FilterTypes | None = None
    schemes: Schemes | None = None
    rates: Rates | None = None
    blocks: Blocks | None = None


class SpaceConfig(BaseModel):
    """The menu every prunable layer chooses from.

    `dense` (rate 1) is always on it, and so is the layer as it is (filter type `keep`): what never
    runs dense cannot be compared. `menu: NAME` stands for the keys of `MENUS` that are not given;
    `block: [f, c]` is short for `blocks: [[f, c]]`. `pattern_rates` are rates of patterns besides.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    filter_types: FilterTypes = ("keep",)
    schemes: Schemes = ("pattern", "block_punched")
    rates: Rates = (2.25, 3.0, 4.0, 6.0, 8.1)
    pattern_rates: MoreRates = ()
    patterns: str = Field(default="natural-8", min_length=1, max_length=64)
    # Finer than the papers' 8 filters and 8 x 4 blocks: on ResNet-20 the generated code is as fast
    # (AVX-512, rate 4: 3.5 times dense for both, by the shortest runs) and less accuracy is lost.
    group: int = Field(default=4, ge=1, le=1024)
    blocks: Blocks = ((4, 1),)
    balance: Literal["balanced", "unbalanced"] = "balanced"
    axes: Literal["columns", "rows", "both"] = "columns"
    layers: dict[str, LayerConfig] = {}

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        if not isinstance(given, dict):
            return given
        given = dict(given)
        if (name := given.pop("menu", None)) is not None:
            if name not in MENUS:
                msg = f"there is no menu {name!r}; choose among {', '.join(MENUS)}"
                raise ValueError(msg)
            given = {**MENUS[name], **given}
        if "block" in given:
            block = given.pop("block")
            given.setdefault("blocks", (block,))
        return given

    def of_layer(self, layer: str) -> SpaceConfig:
        """The menu of one layer, narrowed where the user narrowed it."""
        narrowed = self.layers.get(layer)
        if narrowed is None:
            return self
        own = narrowed.model_dump(exclude_none=True)
        if narrowed.rates is not None:
            own["pattern_rates"] = ()
        return self.model_copy(update={**own, "layers": {}})
