"""How unsure heads are."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from xinzhi.errors import XinzhiError
from xinzhi.layers import bioes
from xinzhi.layers.decoding import TagScores
from xinzhi.selection.uncertainty import combined, head_uncertainty, ranks, sequence_uncertainty


def brute(scores: np.ndarray, transitions: np.ndarray, allowed: np.ndarray | None) -> float:
    """1 - p^(1/n) of the best legal path, over all paths."""
    n, size = scores.shape
    legal = bioes.legal_transitions((size - 1) // 4)
    totals = []
    for path in product(range(size), repeat=n):
        steps = [size, *path, size]
        pairs = list(pairwise(steps))
        fine = all(legal[a, b] for a, b in pairs)
        if fine and (allowed is None or all(allowed[i, t] for i, t in enumerate(path))):
            emitted = sum(scores[i, t] for i, t in enumerate(path))
            totals.append(emitted + sum(transitions[a, b] for a, b in pairs))
    p = np.exp(max(totals)) / np.exp(totals).sum()
    return 1 - p ** (1 / n)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_it_is_the_probability_of_the_best_path_per_token(temperature: float) -> None:
    torch.manual_seed(0)
    lengths = np.array([3, 0, 4, 1])
    scores = torch.randn(8, 5) * 2
    legal = torch.as_tensor(bioes.legal_transitions(1))
    transitions = torch.where(legal, torch.randn(6, 6), -1e4)
    allowed = np.ones((8, 5), dtype=bool)
    allowed[4, [1, 4]] = False
    parts = [slice(0, 3), slice(3, 7), slice(7, 8)]
    for mask in (None, allowed):
        found = sequence_uncertainty(TagScores(scores, transitions, lengths, mask), 4, temperature)
        assert found[1] == 0.0
        for value, part in zip(found[[0, 2, 3]], parts, strict=True):
            rows = (scores[part] / temperature).numpy()
            part_mask = None if mask is None else mask[part]
            expected = brute(rows, (transitions / temperature).numpy(), part_mask)
            assert value == pytest.approx(expected, abs=1e-5)
    assert sequence_uncertainty(None, 2).tolist() == [0.0, 0.0]


def test_heads() -> None:
    probs = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    np.testing.assert_allclose(head_uncertainty(probs, True), [0.1, 0.5, 0.2])
    several = np.array([[0.9, 0.9, 0.45], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(head_uncertainty(several, False), [0.45, 0.0])


def test_tasks_count_alike_whatever_their_scale() -> None:
    wide, narrow = np.array([0.0, 0.5, 1.0]), np.array([0.003, 0.002, 0.001])
    np.testing.assert_allclose(combined({"a": wide, "b": narrow}), [2 / 3] * 3)
    np.testing.assert_allclose(ranks(np.array([3.0, 1.0, 3.0])), [1.0, 1 / 3, 1.0])
    with pytest.raises(XinzhiError, match="says how sure"):
        combined({})
