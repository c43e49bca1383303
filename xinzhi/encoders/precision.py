"""Which arithmetic an encoder runs in. bf16 is used only where the hardware has it."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from ..errors import XinzhiError

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def autocast_dtype(precision: str, device_type: str) -> torch.dtype | None:
    """The dtype for `torch.autocast`, or None to run in fp32.

    precision (str): "fp32"; "bf16"; "fp16" (on a CPU this means fp32, so that a pipeline trained
        with fp16 on a GPU loads anywhere); "auto": bf16 if the device computes in it natively.
    device_type (str): "cpu" or "cuda".
    RETURNS (torch.dtype | None): As said.
    RAISES (XinzhiError): For any other value of `precision`.
    """
    if precision not in get_args(Precision):
        raise XinzhiError(
            f"precision is '{precision}'.", f"Choose one of: {', '.join(get_args(Precision))}"
        )
    if precision == "auto":
        return torch.bfloat16 if has_bf16(device_type) else None
    if precision == "fp16" and device_type == "cpu":
        return None
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def has_bf16(device_type: str) -> bool:
    """RETURNS (bool): Whether the device has bf16 arithmetic (CPU: AMX or AVX512-BF16)."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, check, bool)() for check in checks)
