"""Texts of every kind: k-centre greedy, weighted k-means, density. Vectors in, row numbers out."""

from __future__ import annotations

import numpy as np

BLOCK = 1024  # rows at a time, so that no square matrix of the whole pool is made
NEIGHBOURS = 10


def k_center_greedy(
    vectors: np.ndarray, size: int, done: np.ndarray | None = None, seed: int = 0
) -> list[int]:
    """Rows such that no row is far from a chosen one: always the farthest next (Sener and Savarese
    2018, "Active learning for convolutional neural networks: a core-set approach", algorithm 1).

    vectors (ndarray): Shape (n, width).
    size (int): How many rows.
    done (ndarray | None): Vectors of what is annotated already, shape (m, width).
    seed (int): Chooses the first row if nothing is annotated.
    RETURNS (list): Row numbers in the order of choice.
    """
    distance = np.full(len(vectors), np.inf)
    for row in done if done is not None else ():
        distance = np.minimum(distance, _squares(vectors, row))
    chosen: list[int] = []
    for _ in range(min(size, len(vectors))):
        if np.isinf(distance).all():
            best = int(np.random.default_rng(seed).integers(len(vectors)))
        else:
            best = int(distance.argmax())
        chosen.append(best)
        distance = np.minimum(distance, _squares(vectors, vectors[best]))
        distance[chosen] = -1.0
    return chosen


def weighted_clusters(
    vectors: np.ndarray, weights: np.ndarray, size: int, seed: int = 0
) -> list[int]:
    """The row nearest to the centre of each of `size` clusters, rows pulling on the centres by
    their weights (Zhdanov 2019, "Diverse mini-batch active learning").

    vectors (ndarray): Shape (n, width).
    weights (ndarray): Above 0, shape (n,).
    size (int): How many rows.
    seed (int): Of k-means.
    RETURNS (list): Row numbers, those with the highest weight first.
    """
    from sklearn.cluster import KMeans

    if size >= len(vectors):
        return np.argsort(-weights, kind="stable").tolist()
    means = KMeans(size, n_init=1, max_iter=50, random_state=seed)
    means.fit(vectors, sample_weight=weights)
    chosen: list[int] = []
    free = np.ones(len(vectors), dtype=bool)
    for center in means.cluster_centers_:
        distance = np.where(free, _squares(vectors, center), np.inf)
        chosen.append(int(distance.argmin()))
        free[chosen[-1]] = False
    return sorted(chosen, key=lambda row: -weights[row])


def density(vectors: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """How typical a text is: the mean cosine to its nearest neighbours (information density,
    Settles and Craven 2008), so that what is odd is not taken for what is informative.

    vectors (ndarray): Rows of length 1, shape (n, width).
    neighbours (int): How many neighbours.
    RETURNS (ndarray): From -1 to 1, shape (n,).
    """
    count = min(neighbours, len(vectors) - 1)
    if count < 1:
        return np.ones(len(vectors))
    found = []
    for start in range(0, len(vectors), BLOCK):
        cosines = vectors[start : start + BLOCK] @ vectors.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        found.append(np.partition(cosines, -count, axis=1)[:, -count:].mean(1))
    return np.concatenate(found)


def _squares(vectors: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.square(vectors - row).sum(1)
