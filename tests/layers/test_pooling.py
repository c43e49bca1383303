from __future__ import annotations

import numpy as np
import pytest
import torch

from xinzhi.layers.pooling import POOLINGS, Pooling, pool_first, pool_mean

LENGTHS = np.array([2, 0, 1, 3])
VECTORS = torch.arange(12.0).reshape(6, 2)


def test_mean():
    want = [[1.0, 2.0], [0.0, 0.0], [4.0, 5.0], [8.0, 9.0]]
    assert pool_mean(VECTORS, LENGTHS).tolist() == want


def test_first():
    want = [[0.0, 1.0], [0.0, 0.0], [4.0, 5.0], [6.0, 7.0]]
    assert pool_first(VECTORS, LENGTHS).tolist() == want


def test_attention_is_a_softmax_in_each_document():
    torch.manual_seed(0)
    pooling = Pooling(2, "attention")
    got = pooling(VECTORS, LENGTHS)
    assert got[1].tolist() == [0.0, 0.0]
    for row, part in ((0, VECTORS[:2]), (2, VECTORS[2:3]), (3, VECTORS[3:])):
        weights = pooling.score(part).softmax(0)
        assert torch.allclose(got[row], (weights * part).sum(0), atol=1e-5)


def test_attention_of_extreme_scores():
    pooling = Pooling(2, "attention")
    with torch.no_grad():
        pooling.score.weight.fill_(1e4)
    got = pooling(VECTORS, LENGTHS)
    assert torch.allclose(got[3], VECTORS[5])


@pytest.mark.parametrize("kind", POOLINGS)
@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_nothing_to_pool(kind, lengths):
    got = Pooling(2, kind)(VECTORS[:0], np.array(lengths, dtype=np.int64))
    assert got.shape == (len(lengths), 2)
    assert not got.any()
