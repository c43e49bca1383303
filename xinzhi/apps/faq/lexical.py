"""BM25 over character 1- and 2-grams, all scores computed beforehand in a sparse matrix.

Source of the score: Robertson & Zaragoza 2009, with the idf of Lucene, which is never negative; of
the matrix: Lù 2024, "BM25S". A query then only adds up some columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix

SATURATION, LENGTH = 1.2, 0.75  # k1 and b
SHIFT = 21  # bits of a code point


class Bm25:
    """Scores texts for a query.

    texts (Sequence[str]): The texts.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        found = [grams(text) for text in texts]
        lengths = np.array([len(codes) for codes in found], dtype=int)
        self._size = len(texts)
        self._terms, columns = np.unique(
            np.concatenate([*found, np.zeros(0, dtype="int64")]), return_inverse=True
        )
        rows = np.repeat(np.arange(len(texts)), lengths)
        shape = (len(texts), len(self._terms))
        counts = coo_matrix((np.ones(len(rows), dtype="float32"), (rows, columns)), shape).tocsc()
        frequency = np.diff(counts.indptr)
        idf = np.log1p((len(texts) - frequency + 0.5) / (frequency + 0.5))
        norm = SATURATION * (
            1 - LENGTH + LENGTH * lengths / max(lengths.sum() / max(len(texts), 1), 1)
        )
        weight = counts.data * (SATURATION + 1) / (counts.data + norm[counts.indices])
        self._scores = (weight * np.repeat(idf, frequency)).astype("float32")
        self._rows, self._starts = counts.indices, counts.indptr

    def scores(self, text: str) -> np.ndarray:
        """RETURNS (ndarray): The score of each text, the higher the nearer; float32."""
        found = np.zeros(self._size, dtype="float32")
        codes = np.unique(grams(text))
        columns = np.searchsorted(self._terms, codes)
        for column, code in zip(columns, codes, strict=True):
            if column < len(self._terms) and self._terms[column] == code:
                part = slice(self._starts[column], self._starts[column + 1])
                found[self._rows[part]] += self._scores[part]
        return found


def grams(text: str) -> np.ndarray:
    """The character 1- and 2-grams of a text, as numbers.

    text (str): The text; case, spaces and punctuation do not count.
    RETURNS (ndarray): The code point of each character, then of each pair; int64.
    """
    kept = "".join(filter(str.isalnum, text.lower()))
    codes = np.frombuffer(kept.encode("utf-32-le"), dtype="<u4").astype("int64")
    return np.concatenate([codes, (codes[:-1] << SHIFT) | codes[1:]])
