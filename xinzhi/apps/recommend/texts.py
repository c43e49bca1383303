"""Vectors of the items' texts: from an encoder, kept in a file, or from words alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

WIDTH = 128
SMOOTHING = 0.1
Encode = Callable[[Sequence[str]], np.ndarray]
_WORD = re.compile(r"[㐀-鿿]|[^\W_㐀-鿿]+")


def cached_vectors(texts: Sequence[str], encode: Encode, cache: Path | None) -> np.ndarray:
    """Encode texts, or read what was encoded before.

    texts (Sequence[str]): The texts.
    encode (Callable): Gives vectors of length 1, shape (texts, width).
    cache (Path | None): An .npz file with vectors by text; new ones are added.
    RETURNS (ndarray): float32, shape (texts, width).
    """
    keys = [hashlib.sha256(text.encode("utf8", "surrogatepass")).hexdigest() for text in texts]
    found = _read(cache)
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
    if new:
        found.update(zip(new, encode(list(new.values())), strict=True))
        _write(cache, found)
    return np.stack([found[key] for key in keys]).astype("float32")


def _read(cache: Path | None) -> dict[str, np.ndarray]:
    if cache is None or not cache.is_file():
        return {}
    with np.load(cache) as stored:
        return dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))


def _write(cache: Path | None, found: dict[str, np.ndarray]) -> None:
    if cache is None:
        return
    cache.parent.mkdir(parents=True, exist_ok=True)
    work = cache.with_name(f".{cache.name}.tmp.npz")
    np.savez(work, keys=np.array(list(found)), vectors=np.stack(list(found.values())))
    work.replace(cache)


@dataclass(frozen=True)
class Whitening:
    """Takes from vectors what all texts have in common: encoders such as e5 put them into one
    narrow cone, with a few directions that say little (Su et al. 2021).

    mean (ndarray): Shape (width in,).
    matrix (ndarray): Shape (width in, width out).
    """

    mean: np.ndarray
    matrix: np.ndarray

    @classmethod
    def fit(cls, vectors: np.ndarray) -> Whitening:
        """RETURNS (Whitening): The main directions of these vectors, at most `WIDTH`."""
        mean = vectors.mean(0)
        values, directions = np.linalg.eigh(np.cov(vectors - mean, rowvar=False))
        main = np.argsort(-values)[: min(WIDTH, len(vectors))]
        matrix = directions[:, main] / np.sqrt(values[main] + SMOOTHING * values[main].mean())
        length = np.linalg.norm((vectors - mean) @ matrix, axis=1).mean()
        return cls(mean.astype("float32"), (matrix / max(length, 1e-6)).astype("float32"))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """RETURNS (ndarray): float32, length about 1, shape (texts, width out)."""
        return (vectors.astype("float32") - self.mean) @ self.matrix


def fit_tfidf(texts: Sequence[str]) -> tuple[Any, sparse.csr_matrix]:
    """RETURNS (tuple): Scikit-learn's vectorizer, and its TF-IDF of words and of pairs of words
    (Chinese: characters), rows of length 1, shape (texts, terms)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        tokenizer=lambda text: _WORD.findall(text.lower()),
        token_pattern=None,
        ngram_range=(1, 2),
        sublinear_tf=True,
        dtype=np.float32,
    )
    table = vectorizer.fit_transform(texts)
    return vectorizer, table
