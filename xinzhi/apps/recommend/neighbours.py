"""Item-based neighbours: items liked by the same users are alike (Sarwar et al. 2001)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .records import Events

NEIGHBOURS = 200


def liked_matrix(events: Events, items: int) -> sparse.csr_matrix:
    """RETURNS (csr_matrix): 1 where a user liked an item, shape (users, items)."""
    rows, columns = events.user[events.liked], events.item[events.liked]
    shape = (len(events.names), items)
    matrix = sparse.csr_matrix((np.ones(len(rows), "float32"), (rows, columns)), shape=shape)
    matrix.data[:] = 1
    return matrix


def similarities(liked: sparse.csr_matrix, shrink: float) -> sparse.csr_matrix:
    """Cosine of the users who liked two items, less trusted the fewer there are.

    liked (csr_matrix): Shape (users, items).
    shrink (float): Added to the denominator.
    RETURNS (csr_matrix): Shape (items, items), the `NEIGHBOURS` nearest in every row, 0 diagonal.
    """
    common = (liked.T @ liked).tocsr()
    size = np.sqrt(common.diagonal())
    rows = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
    common.data /= size[rows] * size[common.indices] + shrink
    common.data[rows == common.indices] = 0
    return _nearest(common)


def _nearest(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        if end - start > NEIGHBOURS:
            row = matrix.data[start:end]
            row[np.argpartition(row, -NEIGHBOURS)[:-NEIGHBOURS]] = 0
    matrix.eliminate_zeros()
    return matrix
