"""All families of microkernels, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from codegen.kernels.blocked import BLOCKED_CONV, BLOCKED_DEPTHWISE, EXPAND_DEPTHWISE, INTERLEAVE
from codegen.kernels.dense_conv import DENSE_CONV
from codegen.kernels.depthwise_conv import DEPTHWISE_CONV
from codegen.kernels.depthwise_rows import DEPTHWISE_ROWS
from codegen.kernels.direct import CONV_DIRECT, POOL_DIRECT
from codegen.kernels.group_conv import COMPACT_CONV, GROUP_CONV
from codegen.kernels.linear import LINEAR, LINEAR_WIDE
from codegen.kernels.matmul import MATMUL
from codegen.kernels.microkernel import Family
from codegen.kernels.normalise import LOCAL_RESPONSE, NORMALISE
from codegen.kernels.pattern_conv import PATTERN_CONV, PATTERN_ROWS, RUN_CONV
from codegen.kernels.pointwise import BINARY, BROADCAST, UNARY
from codegen.kernels.reduce import REDUCE
from codegen.kernels.resample import RESAMPLE
from codegen.kernels.softmax import SOFTMAX
from codegen.kernels.strided_copy import STRIDED_COPY
from codegen.kernels.windows import CLEAR, COLUMNS, GLOBAL_POOL, POOL, REPACK, SPLIT
from codegen.kernels.winograd import WINOGRAD

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            GROUP_CONV,
            DENSE_CONV,
            COMPACT_CONV,
            DEPTHWISE_CONV,
            DEPTHWISE_ROWS,
            WINOGRAD,
            PATTERN_CONV,
            PATTERN_ROWS,
            RUN_CONV,
            LINEAR,
            LINEAR_WIDE,
            UNARY,
            BINARY,
            BROADCAST,
            MATMUL,
            REDUCE,
            SOFTMAX,
            NORMALISE,
            LOCAL_RESPONSE,
            POOL,
            GLOBAL_POOL,
            REPACK,
            SPLIT,
            COLUMNS,
            BLOCKED_CONV,
            BLOCKED_DEPTHWISE,
            INTERLEAVE,
            EXPAND_DEPTHWISE,
            STRIDED_COPY,
            RESAMPLE,
            CONV_DIRECT,
            POOL_DIRECT,
            CLEAR,
        )
    }
)
