"""Where bfloat16 makes training faster without hurting it."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix units of the device take bfloat16: any recent GPU, or a CPU with AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu":
        return False
    # private in torch and absent from some versions: then fp32 is right, only slower
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe is not None and probe())


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 autocast where it is fast; master weights, batch norm and losses stay fp32."""
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=has_fast_bfloat16(device), cache_enabled=True
    )
