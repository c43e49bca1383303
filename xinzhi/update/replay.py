"""Which old texts to train on again, so that their labels are not forgotten: vectors in, row
numbers out. (A uniform sample: `selection.sampling.reservoir`.)
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from itertools import zip_longest

import numpy as np


def herding(vectors: np.ndarray, size: int) -> list[int]:
    """Rows whose mean stays as near as possible to the mean of all, after every one of them
    (Rebuffi et al. 2017, iCaRL, algorithm 4).

    vectors (ndarray): Shape (n, width).
    size (int): How many rows.
    RETURNS (list): Row numbers in the order of choice; any first part of it is as good a choice.
    """
    mean = vectors.mean(0) if len(vectors) else np.zeros(0)
    squares = np.square(vectors).sum(1)
    total = np.zeros_like(mean)
    chosen: list[int] = []
    for count in range(1, min(size, len(vectors)) + 1):
        # |count * mean - total - x|², less what is the same for every x
        distance = squares - 2 * vectors @ (count * mean - total)
        distance[chosen] = np.inf
        best = int(distance.argmin())
        chosen.append(best)
        total = total + vectors[best]
    return chosen


def herd_labels(
    vectors: np.ndarray, labels: Sequence[Collection[Hashable]], size: int
) -> list[int]:
    """Herd the texts of every label, the labels taking turns, so that each gets the same number as
    far as it has them. A text with several labels counts for the one that chose it first; texts
    without a label are one more group.

    vectors (ndarray): One row per text.
    labels (Sequence): The labels of each text.
    size (int): How many texts.
    RETURNS (list): Row numbers, ascending.
    """
    groups: dict[Hashable, list[int]] = {}
    for row, names in enumerate(labels):
        for name in names or [None]:
            groups.setdefault(name, []).append(row)
    orders = [
        [rows[i] for i in herding(vectors[rows], size)]
        for _, rows in sorted(groups.items(), key=lambda item: str(item[0]))
    ]
    turns = (row for turn in zip_longest(*orders) for row in turn if row is not None)
    return sorted(list(dict.fromkeys(turns))[:size])
