"""The filter types by name, as NPAS lists them (CVPR 2021, section 4.2), and `keep`."""

from __future__ import annotations

from backend.models.filter_types.conv1x1 import Conv1x1
from backend.models.filter_types.conv1x1_dw3x3_conv1x1 import ExpandedDepthwise
from backend.models.filter_types.conv3x3 import Conv3x3
from backend.models.filter_types.dw3x3_conv1x1 import Depthwise
from backend.models.filter_types.filter_type import FilterType
from backend.models.filter_types.keep import Keep
from backend.models.filter_types.skip import Skip

FILTER_TYPES: dict[str, FilterType] = {
    filter_type.name: filter_type
    for filter_type in (
        Keep(),
        Conv1x1(),
        Conv3x3(),
        Depthwise(),
        ExpandedDepthwise(),
        Skip(),
    )
}
