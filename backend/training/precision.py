"""Where a training runs, and in which precision its products are taken."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix units of the device take bfloat16: any recent GPU, or a CPU with AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu":
        return False
    # private in torch and absent from some versions: then fp32 is right, only slower
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe is not None and probe())


def product_type(device: torch.device, precision: str = "auto") -> torch.dtype:
    """Type in which a device takes convolutions and matrix products.

    `auto` is bfloat16 where it is fast, float16 on other GPUs, float32 on other CPUs.
    """
    if precision != "auto":
        return {
            "float32": torch.float32,
            "bfloat16": torch.bfloat16,
            "float16": torch.float16,
        }[precision]
    if has_fast_bfloat16(device):
        return torch.bfloat16
    return torch.float16 if device.type == "cuda" else torch.float32


def autocast(device: torch.device, precision: str = "auto") -> AbstractContextManager[object]:
    """Autocast to `product_type`; master weights, batch norm and losses stay fp32."""
    dtype = product_type(device, precision)
    return torch.autocast(
        device.type,
        dtype=torch.bfloat16 if dtype == torch.float32 else dtype,
        enabled=dtype != torch.float32,
        cache_enabled=True,
    )


def gradient_scaler(device: torch.device, precision: str = "auto") -> torch.amp.GradScaler:
    """Keeps small gradients of float16 above zero; with other types it does nothing."""
    is_half = product_type(device, precision) == torch.float16
    return torch.amp.GradScaler(device.type, enabled=is_half)
