"""Attention for training on a CPU."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import dropout, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode


class PlainAttention(TorchFunctionMode):
    """While active, attention is two matrix products, with the weights in memory between them.

    torch's fused attention never holds the attention weights, which pays in prediction and for long
    inputs on a GPU. On a CPU its backward pass is slow: for 8 x 64 to 2 x 250 pieces, 12 heads,
    bf16, forward and backward together take 1.7 to 7.6 times as long as this (torch 2.13, AMX).
    It runs in fp32 even under autocast: no slower, and the encoder's output and gradients are as
    near to those in fp32 as with the fused one (bf16 scores double the error).
    Works for every Hugging Face encoder that calls `scaled_dot_product_attention`.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func is scaled_dot_product_attention:
            return attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


@contextmanager
def fast_attention(training: bool, device_type: str) -> Iterator[None]:
    """Within this context, attention is computed the faster way for the task and the device."""
    if training and device_type == "cpu":
        with PlainAttention():
            yield
    else:
        yield


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """The definition of scaled dot-product attention (Vaswani et al. 2017, section 3.2.1).

    query, key, value (Tensor): Shape (batch, heads, positions, width).
    attn_mask (Tensor | None): True where to attend, or numbers to add; broadcast to
        (batch, heads, positions, positions). A row that attends nowhere attends everywhere.
    dropout_p (float): Share of attention weights to drop.
    is_causal, enable_gqa (bool): Left to torch; encoders do not use them.
    scale (float | None): Factor on the scores, 1 / sqrt(width) by default.
    RETURNS (Tensor): Shape (batch, heads, positions, width).
    """
    if is_causal or enable_gqa:
        return scaled_dot_product_attention(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    factor = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    with torch.autocast(query.device.type, enabled=False):
        scores = (query.float() * factor) @ key.float().transpose(-2, -1)
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            scores = scores.masked_fill(~attn_mask, torch.finfo(scores.dtype).min)
        elif attn_mask is not None:
            scores = scores + attn_mask.float()
        weights = dropout(torch.softmax(scores, dim=-1), dropout_p, training=dropout_p > 0)
        return (weights @ value.float()).to(value.dtype)
