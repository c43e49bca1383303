"""Long documents as overlapping windows of word pieces, merged back to one vector per piece."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def split_windows(length: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Cover a sequence with windows.

    length (int): Number of pieces, 0 or more.
    size (int): Largest number of pieces in a window, special tokens not counted.
    overlap (int): Pieces that neighbouring windows share at least; less than `size`.
    RETURNS (list[tuple[int, int]]): Windows (start, end). The last one ends at `length` and is
        moved left to full size, so it may share more. One empty window for length 0.
    """
    if length <= size:
        return [(0, length)]
    starts = [*range(0, length - size, size - overlap), length - size]
    return [(start, start + size) for start in starts]


def owned_ranges(windows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Which window answers for which piece: the one that has it farther from its edge.

    windows (Sequence[tuple[int, int]]): As from `split_windows`.
    RETURNS (list[tuple[int, int]]): (start, end) per window; together they cover every piece once.
    """
    borders = [(left[1] + right[0]) // 2 for left, right in pairwise(windows)]
    starts = [windows[0][0], *borders]
    ends = [*borders, windows[-1][1]]
    return list(zip(starts, ends, strict=True))


def batch_by_padded_size(
    lengths: NDArray[np.int64], limit: int, per_group: int = 0
) -> list[NDArray[np.int64]]:
    """Group sequences of similar length, each group at most `limit` cells when padded.

    lengths (NDArray[int64]): Length of each sequence, shape (n,).
    limit (int): Rows times longest; a single longer sequence makes a group of its own.
    per_group (int): What a group costs beside its cells, in cells. 0 makes as few groups as
        possible; else groups are split where less padding pays for it.
    RETURNS (list[NDArray[int64]]): Indices of each group, longest first.
    """
    order = np.argsort(-lengths, kind="stable")
    ends = _group_ends(lengths[order], limit, per_group)
    return [order[start:end] for start, end in pairwise([0, *ends])]


def batch_by_length(lengths: NDArray[np.int64], limit: int) -> list[NDArray[np.int64]]:
    """Group sequences of equal length, so that groups in a row fill calls of at most `limit` cells.

    lengths (NDArray[int64]): Length of each sequence, shape (n,).
    limit (int): Cells of a call; a single longer sequence makes a call of its own.
    RETURNS (list[NDArray[int64]]): Indices of each group, longest first. A group ends where the
        length changes, and where a call is full.
    """
    groups: list[list[int]] = []
    cells, last = 0, -1
    for i in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[i])
        if cells + length > limit:
            cells, last = 0, -1
        if length != last:
            groups.append([])
        groups[-1].append(i)
        cells, last = cells + length, length
    return [np.array(group, dtype=np.int64) for group in groups]


def _group_ends(lengths: NDArray[np.int64], limit: int, per_group: int) -> list[int]:
    """Where to cut sequences that are sorted, longest first.

    The cheapest way to cut is found from the back: that of the sequences from i on is a first group
    plus the cheapest way from its end on (dynamic programming, as in Knuth and Plass 1981).
    """
    n = len(lengths)
    longest = np.maximum(lengths, 1).tolist()
    cost, end = np.zeros(n + 1), np.zeros(n, dtype=np.int64)
    for i in range(n - 1, -1, -1):
        rows = min(n - i, max(1, limit // longest[i]))
        if per_group == 0:
            end[i] = i + rows
            continue
        costs = longest[i] * np.arange(1, rows + 1) + per_group + cost[i + 1 : i + rows + 1]
        best = int(costs.argmin())
        cost[i], end[i] = costs[best], i + best + 1
    ends, at = [], 0
    while at < n:
        at = int(end[at])
        ends.append(at)
    return ends
