"""The operations of an encoder, against a count by hand and by torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from xinzhi.benchmark.flops import EncoderShape, PieceCount, forward_flops
from xinzhi.benchmark.measures.limit import limits


@pytest.mark.parametrize(
    ("shape", "lengths", "expected"),
    [
        # 1 layer, 1 x 1 matrices, 1 piece: 4 + 2 products of 2 operations, attention 2 of 2
        (EncoderShape(1, 1, 1), [1], 2 * (4 + 2) + 2 * 2),
        (EncoderShape(3, 1, 1), [1], 3 * 16),
        # two sequences cost the sum of both, attention grows with the square of the length
        (EncoderShape(1, 2, 3), [2, 3], 2 * (4 * 4 + 2 * 6) * 5 + 4 * 2 * (4 + 9)),
        (EncoderShape(12, 384, 1536), [64] * 64, 12 * 4096 * (3_538_944 + 4 * 384 * 64)),
    ],
)
def test_forward_flops(shape: EncoderShape, lengths: list[int], expected: int) -> None:
    assert forward_flops(shape, PieceCount.of_lengths(lengths, None)) == expected


def test_torch_counts_the_same(tiny_encoder: Callable[..., Path]) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModel

    model = AutoModel.from_pretrained(
        tiny_encoder("wordpiece"), add_pooling_layer=False, attn_implementation="eager"
    )
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(input_ids=torch.ones(3, 7, dtype=torch.long))
    count = PieceCount.of_lengths([7] * 3, 21)
    assert counter.get_total_flops() == forward_flops(EncoderShape.from_config(model.config), count)


def test_counts_add_up() -> None:
    total = PieceCount() + PieceCount.of_lengths([2, 4], 8) + PieceCount.of_lengths([3], 3)
    assert total == PieceCount(sequences=3, pieces=9, squares=29, padded=11)
    assert total.waste == pytest.approx(2 / 11)
    unknown = total + PieceCount.of_lengths([1], None)
    assert unknown.padded is None
    assert unknown.waste is None


def test_limit() -> None:
    shape = EncoderShape.from_config(
        SimpleNamespace(num_hidden_layers=1, hidden_size=1, intermediate_size=1)
    )
    count = PieceCount.of_lengths([1], 2)  # 16 operations for 10 characters
    peaks = [{"fp32": 32.0}, {"fp32": 64.0}, {"fp32": 16.0}]
    limit = limits(shape, count, 10, peaks, speed=5.0)
    assert limit["flops"] == 16
    assert limit["fp32"]["characters_per_second"] == 20
    assert limit["fp32"]["share"] == 0.25
    training = limits(shape, count, 10, peaks, speed=5.0, factor=3)
    assert training["fp32"]["share"] == pytest.approx(0.75)
    assert limits(shape, PieceCount(), 10, peaks, speed=5.0) == {}
