"""The peak rate of matrix multiplication on this machine, measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..encoders.precision import has_bf16
from .flops import EncoderShape

if TYPE_CHECKING:
    import torch

SQUARE = 2048
ROWS = 4096  # pieces of a batch of 64 texts of 64 pieces


def peak_rates(shape: EncoderShape, seconds: float = 0.15) -> dict[str, float]:
    """Multiply matrices of the encoder's shapes and a large square; keep the best rate.

    shape (EncoderShape): The encoder.
    seconds (float): How long to try each product.
    RETURNS (dict): "fp32" and, where the CPU has it, "bf16": operations per second.
    """
    import torch

    types = {"fp32": torch.float32}
    if has_bf16("cpu"):
        types["bf16"] = torch.bfloat16
    return {
        name: max(_rate(sizes, dtype, seconds) for sizes in _products(shape))
        for name, dtype in types.items()
    }


def _products(shape: EncoderShape) -> Iterator[tuple[int, int, int]]:
    yield ROWS, shape.hidden, shape.feed_forward
    yield ROWS, shape.feed_forward, shape.hidden
    yield SQUARE, SQUARE, SQUARE


def _rate(sizes: tuple[int, int, int], dtype: torch.dtype, seconds: float) -> float:
    import torch

    m, k, n = sizes
    a, b = torch.randn(m, k, dtype=dtype), torch.randn(k, n, dtype=dtype)
    out = torch.empty(m, n, dtype=dtype)
    torch.mm(a, b, out=out)
    best, end = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * m * k * n / best
