"""The items with everything that is known of them without any user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from .records import Item
from .texts import Whitening, fit_tfidf


@dataclass(frozen=True)
class Catalogue:
    """Items as numbers.

    items (list[Item]): The items.
    whitening (Whitening): What was done to the encoder's vectors.
    vectors (ndarray): These vectors, whitened, float32, shape (items, width).
    categories (ndarray): Rows of length 1 (0 without any), float32, shape (items, categories).
    terms (Any): What gives the TF-IDF of a text.
    words (csr_matrix): TF-IDF of text and categories, shape (items, terms).
    time (ndarray): When each came out, seconds since 1970; NaN: not known.
    """

    items: list[Item]
    whitening: Whitening
    vectors: np.ndarray
    categories: np.ndarray
    terms: Any
    words: sparse.csr_matrix
    time: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    def available(self, time: float) -> np.ndarray:
        """RETURNS (ndarray): Which items are not still to come, boolean, shape (items,)."""
        return ~(self.time > time)

    def with_text(self, text: str, vector: np.ndarray) -> Catalogue:
        """RETURNS (Catalogue): The same with an item at the end of which there is only a text.

        text (str): The text.
        vector (ndarray): The encoder's vector of it, shape (width,).
        """
        return replace(
            self,
            items=[*self.items, Item("", text)],
            vectors=np.vstack([self.vectors, self.whitening(vector[None])]),
            categories=np.pad(self.categories, ((0, 1), (0, 0))),
            words=sparse.vstack([self.words, self.terms.transform([text])], format="csr"),
            time=np.append(self.time, np.nan),
        )


def make_catalogue(
    items: Sequence[Item], vectors: np.ndarray, whitening: Whitening | None = None
) -> Catalogue:
    """Put items and their vectors together.

    items (Sequence[Item]): The items.
    vectors (ndarray): What an encoder gives for `Item.words`, shape (items, width).
    whitening (Whitening | None): What is done to the vectors; None: fitted to them.
    RETURNS (Catalogue): The catalogue.
    """
    whitening = whitening or Whitening.fit(vectors)
    names = sorted({name for item in items for name in item.categories})
    columns = {name: column for column, name in enumerate(names)}
    categories = np.zeros((len(items), len(names)), dtype="float32")
    for row, item in enumerate(items):
        categories[row, [columns[name] for name in item.categories]] = 1
    terms, words = fit_tfidf([item.words for item in items])
    categories /= np.maximum(np.linalg.norm(categories, axis=1, keepdims=True), 1)
    return Catalogue(
        list(items),
        whitening,
        whitening(vectors),
        categories,
        terms,
        words,
        np.array([np.nan if item.time is None else item.time for item in items]),
    )
