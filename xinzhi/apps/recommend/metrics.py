"""How good a ranking is: recall, NDCG, coverage; intervals by bootstrap over users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...evaluation.intervals import bootstrap

TOP = 10
DEPTHS = (10, 50)


def ndcg(ranked: np.ndarray, targets: np.ndarray, k: int = TOP) -> float:
    """Normalised discounted cumulative gain (Järvelin & Kekäläinen 2002), gain 1 per target.

    ranked (ndarray): Items, the best first.
    targets (ndarray): The right ones, at least one.
    k (int): How many of `ranked` count.
    RETURNS (float): From 0 to 1.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    hits = np.isin(ranked[:k], targets)
    return float(discounts[: len(hits)][hits].sum() / discounts[: len(targets)].sum())


def recall(ranked: np.ndarray, targets: np.ndarray, k: int) -> float:
    """RETURNS (float): The share of the targets among the first k."""
    return float(np.isin(targets, ranked[:k]).mean())


def measures(ranked: np.ndarray, targets: np.ndarray) -> list[float]:
    """RETURNS (list[float]): NDCG@TOP, then the recall at each of DEPTHS."""
    return [ndcg(ranked, targets), *(recall(ranked, targets, k) for k in DEPTHS)]


def mean_with_interval(
    values: np.ndarray, users: Sequence[int]
) -> list[tuple[float, list[float] | None]]:
    """Means over queries; the intervals draw users, as queries of one user are alike.

    values (ndarray): Shape (queries, measures).
    users (Sequence[int]): The user of each query.
    RETURNS (list): For each measure, its mean and the 95 % interval.
    """
    rows = np.column_stack([values, np.ones(len(values))])
    names, owner = np.unique(users, return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, owner, rows)
    intervals = bootstrap(sums, lambda drawn: drawn[:, :-1] / drawn[:, -1:])
    return list(zip(values.mean(0).tolist(), intervals, strict=True))
