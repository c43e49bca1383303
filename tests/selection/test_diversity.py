"""Rows that cover all rows."""

from __future__ import annotations

import numpy as np

from xinzhi.selection.diversity import density, k_center_greedy, weighted_clusters

RNG = np.random.default_rng(0)
# Three heaps around three corners, of 30, 10 and 3 rows.
CORNERS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
HEAP = np.repeat([0, 1, 2], [30, 10, 3])
ROWS = CORNERS[HEAP] + 0.05 * RNG.normal(size=(43, 3))
UNIT = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)


def test_k_center_takes_the_farthest_row_each_time() -> None:
    rows = np.array([[0.0], [1.0], [10.0], [4.0]])
    assert k_center_greedy(rows, 3, done=np.array([[0.0]])) == [2, 3, 1]
    assert sorted(k_center_greedy(rows, 9)) == [0, 1, 2, 3]
    assert k_center_greedy(np.zeros((0, 2)), 2) == []


def test_k_center_covers_every_heap() -> None:
    for seed in range(5):
        assert set(HEAP[k_center_greedy(UNIT, 3, seed=seed)]) == {0, 1, 2}
    assert set(HEAP[k_center_greedy(UNIT, 2, done=UNIT[:1])]) == {1, 2}


def test_equal_rows_are_not_chosen_twice() -> None:
    assert sorted(k_center_greedy(np.ones((4, 2)), 4)) == [0, 1, 2, 3]


def test_clusters_take_one_row_of_each_heap_the_heaviest_first() -> None:
    weights = np.where(HEAP == 1, 0.9, 0.5)
    chosen = weighted_clusters(UNIT, weights, 3)
    assert set(HEAP[chosen]) == {0, 1, 2}
    assert HEAP[chosen[0]] == 1
    assert len(set(weighted_clusters(UNIT, weights, 20))) == 20
    assert sorted(weighted_clusters(UNIT[:4], weights[:4], 9)) == [0, 1, 2, 3]


def test_a_row_in_a_crowd_is_dense() -> None:
    odd = np.array([[0.6, 0.6, -0.5]])
    rows = np.concatenate([UNIT, odd / np.linalg.norm(odd)])
    found = density(rows, 2)
    assert found[-1] < found[:-1].min()
    brute = [np.sort(np.delete(rows @ row, i))[-2:].mean() for i, row in enumerate(rows)]
    np.testing.assert_allclose(found, brute)
    assert density(UNIT[:1]).tolist() == [1.0]
