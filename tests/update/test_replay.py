"""Which old texts are replayed."""

from __future__ import annotations

from collections import Counter

import numpy as np

from xinzhi.selection.sampling import reservoir
from xinzhi.update.replay import herd_labels, herding


def test_a_reservoir_is_a_uniform_sample() -> None:
    counts = Counter(x for seed in range(4000) for x in reservoir(iter(range(10)), 3, seed))
    assert all(abs(counts[x] / 4000 - 0.3) < 0.03 for x in range(10))
    assert reservoir(range(3), 5) == [0, 1, 2]
    assert reservoir(range(3), 0) == []
    assert reservoir(range(100), 5, 1) == reservoir(range(100), 5, 1)


def test_herding_keeps_the_mean_at_every_length() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 5)) + 1.0
    order = herding(vectors, 60)
    assert sorted(order) == list(range(60))
    mean = vectors.mean(0)
    for length in (5, 10, 20):
        ours = np.linalg.norm(vectors[order[:length]].mean(0) - mean)
        random = [
            np.linalg.norm(vectors[rng.permutation(60)[:length]].mean(0) - mean) for _ in range(200)
        ]
        assert ours < np.quantile(random, 0.05)


def test_each_step_of_herding_is_the_best_one() -> None:
    vectors = np.array([[0.0, 0.0], [1.0, 0.2], [0.0, 1.0], [2.0, 2.0], [0.4, 0.9]])
    mean, chosen = vectors.mean(0), []
    for row in herding(vectors, 3):
        distances = {
            i: np.linalg.norm(vectors[[*chosen, i]].mean(0) - mean)
            for i in range(5)
            if i not in chosen
        }
        assert row == min(distances, key=lambda i: distances[i])
        chosen.append(row)
    assert herding(np.zeros((0, 2)), 3) == []


def test_every_label_gets_its_share() -> None:
    vectors = np.random.default_rng(0).normal(size=(100, 4))
    labels = [["a"]] * 80 + [["b"]] * 10 + [["a", "b"]] * 5 + [[]] * 5
    rows = herd_labels(vectors, labels, 15)
    assert rows == sorted(set(rows))
    assert len(rows) == 15
    found = Counter(tuple(labels[row]) for row in rows)
    assert found[()] >= 4
    assert found[("b",)] + found[("a", "b")] >= 5
    assert herd_labels(vectors, labels, 1000) == list(range(100))
    assert all(len(herd_labels(vectors, labels, n)) == n for n in (1, 7, 99))
