"""The probability that a user likes a candidate, from its features: logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .catalogue import Catalogue
from .knowledge import Knowledge
from .split import History, Query

CANDIDATES = 200  # of each source
NEGATIVES = 200  # of a question, drawn at random
STRENGTH = 0.1  # inverse of the L2 penalty


@dataclass(frozen=True)
class Rows:
    """What a ranker learns from.

    features (ndarray): Shape (rows, features).
    liked (ndarray): Whether the user liked the candidate afterwards.
    weights (ndarray): Every question has the same.
    """

    features: np.ndarray
    liked: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Ranker:
    """Weights of standardised features; how far each moves a ranking can be read off.

    mean, scale, weights (ndarray): Shape (features,).
    constant (float): Added.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    constant: float

    @classmethod
    def fit(cls, rows: Rows, columns: Sequence[int]) -> Ranker:
        """RETURNS (Ranker): Fitted by scikit-learn; features that are not among `columns` get the
        weight 0."""
        from sklearn.linear_model import LogisticRegression

        mean, scale = rows.features.mean(0), np.maximum(rows.features.std(0), 1e-6)
        used = ((rows.features - mean) / scale)[:, columns]
        model = LogisticRegression(C=STRENGTH, max_iter=1000)
        model.fit(used, rows.liked, sample_weight=rows.weights / rows.weights.mean())
        weights = np.zeros(len(mean))
        weights[columns] = model.coef_[0]
        return cls(mean, scale, weights, float(model.intercept_[0]))

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """RETURNS (ndarray): Of a like, among as many candidates as in training; shape (rows,)."""
        logits = (features - self.mean) / self.scale @ self.weights + self.constant
        return 1 / (1 + np.exp(-logits))


def allowed_items(catalogue: Catalogue, history: History) -> np.ndarray:
    """RETURNS (ndarray): Items that are out and new to the user, boolean, shape (items,)."""
    allowed = catalogue.available(history.time)
    allowed[history.items] = False
    return allowed


def training_rows(knowledge: Knowledge, queries: Sequence[Query], seed: int = 0) -> Rows | None:
    """Candidates of past questions, with what came of them.

    knowledge (Knowledge): Of the time before all questions.
    queries (Sequence[Query]): The questions.
    RETURNS (Rows | None): None if no candidate was liked.
    """
    rng = np.random.default_rng(seed)
    features, liked = [], []
    for query in queries:
        allowed = allowed_items(knowledge.catalogue, query.history)
        found = knowledge.candidates(query.history, CANDIDATES, allowed)
        right = np.isin(found, query.targets)
        if right.all() or not right.any():
            continue
        chosen = np.concatenate([found[right], rng.permutation(found[~right])[:NEGATIVES]])
        features.append(knowledge.features(query.history, chosen))
        liked.append(np.arange(len(chosen)) < right.sum())
    if not features:
        return None
    weights = [np.full(len(part), 1 / len(part)) for part in liked]
    return Rows(*map(np.concatenate, (features, liked, weights)))
