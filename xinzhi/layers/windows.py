"""Long documents as overlapping windows of word pieces, merged back to one vector per piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


def batch_by_padded_size(lengths: NDArray[np.int64], limit: int) -> Iterator[NDArray[np.int64]]:
    """Group sequences of similar length, each group at most `limit` cells when padded.

    lengths (NDArray[int64]): Length of each sequence, shape (n,).
    limit (int): Rows times longest; a single longer sequence makes a group of its own.
    YIELDS (NDArray[int64]): Indices of one group, longest first.
    """
    order = np.argsort(-lengths, kind="stable")
    at = 0
    while at < len(order):
        rows = max(1, limit // max(1, int(lengths[order[at]])))
        yield order[at : at + rows]
        at += rows
