"""One probability for each candidate and one for "none of them": a nested logit.

Which: a conditional logit (McFadden 1974) over the candidates, P(i) = softmax(w · x_i), fitted to
queries that have an answer. Whether: a logistic regression on what the likeliest candidate looks
like, how clearly it leads, and on the query. P(i) * P(there is an answer) and P(none) sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from .searcher import BM25, CONTEXT, COSINE, FEATURES, Candidates

NONE = -1  # instead of the number of a candidate: none answers the query
SUMMARY = len(FEATURES) + 2 + len(CONTEXT)  # numbers that `Ranker.summary` gives


class Ranker:
    """The weights of both models.

    which (ndarray): Weights of a candidate's features, shape (features,).
    whether (ndarray): Weights of what `summary` gives, then a constant.
    threshold (float): A query whose P(none) is higher gets no answer.
    mean, scale (ndarray): What standardises the features; those of the summary have their own.
    """

    def __init__(
        self,
        which: np.ndarray,
        mean: np.ndarray,
        scale: np.ndarray,
        whether: np.ndarray,
        threshold: float,
    ) -> None:
        self.which, self.mean, self.scale = which, mean, scale
        self.whether, self.threshold = whether, threshold

    @classmethod
    def fit(cls, found: Sequence[Candidates], right: Sequence[int], share: float = 1.0) -> Ranker:
        """Fit both models.

        found (Sequence[Candidates]): Of each query; each has candidates.
        right (Sequence[int]): The number of the right candidate, or NONE.
        share (float): What share of the queries with an answer these are.
        RETURNS (Ranker): The ranker; its threshold is 0.5.
        """
        answered = [(c.features, i) for c, i in zip(found, right, strict=True) if i != NONE]
        mean, scale = _moments(np.concatenate([c.features for c in found]))
        which = fit_which([((x - mean) / scale, i) for x, i in answered], len(mean))
        ranker = cls(which, mean, scale, np.zeros(0), 0.5)
        rows = np.stack([ranker.summary(candidates) for candidates in found])
        ranker.whether = fit_whether(rows, np.array([i == NONE for i in right]))
        ranker.whether[-1] += np.log(share)
        return ranker

    @classmethod
    def unfitted(cls) -> Ranker:
        """RETURNS (Ranker): For want of queries: the highest cosine decides, every query has an
        answer with probability 0.5."""
        which = np.zeros(len(FEATURES))
        which[COSINE] = 1 / 0.05
        return cls(
            which, np.zeros(len(FEATURES)), np.ones(len(FEATURES)), np.zeros(SUMMARY + 1), 0.5
        )

    def summary(self, candidates: Candidates) -> np.ndarray:
        """RETURNS (ndarray): What tells whether the likeliest candidate is an answer."""
        logs = log_softmax(self._utilities(candidates.features))
        first = int(logs.argmax())
        own = candidates.features[first]
        others = np.delete(candidates.features[:, COSINE], first)
        lead = own[COSINE] - others.max(initial=-1.0)
        context = candidates.context.copy()
        context[:2] = own[[BM25, COSINE]] - context[:2]
        return np.array([*own, logs[first], lead, *context])

    def probabilities(self, candidates: Candidates) -> np.ndarray:
        """RETURNS (ndarray): Of each candidate, and of "none" last; shape (candidates + 1,)."""
        if not candidates.ids:
            return np.ones(1)
        none = float(expit(self.summary(candidates) @ self.whether[:-1] + self.whether[-1]))
        return np.append(softmax(self._utilities(candidates.features)) * (1 - none), none)

    def _utilities(self, features: np.ndarray) -> np.ndarray:
        utilities: np.ndarray = ((features - self.mean) / self.scale) @ self.which
        return utilities

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): JSON values."""
        return {key: np.asarray(value).tolist() for key, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Ranker:
        """RETURNS (Ranker): From what `to_dict` gave."""
        threshold = values["threshold"]
        arrays = {key: np.asarray(values[key]) for key in ("which", "mean", "scale", "whether")}
        return cls(**arrays, threshold=threshold)


def fit_which(
    queries: Sequence[tuple[np.ndarray, int]], size: int, penalty: float = 1.0
) -> np.ndarray:
    """The conditional logit of highest penalised likelihood.

    queries (Sequence[tuple]): For each query, standardised features (candidates, size) and the
        number of the right candidate.
    size (int): Number of features.
    penalty (float): Weight of half the squared norm of the weights.
    RETURNS (ndarray): Weights, shape (size,).
    """

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = 0.5 * penalty * float(weights @ weights), penalty * weights
        for x, choice in queries:
            logs = log_softmax(x @ weights)
            value -= logs[choice]
            gradient += np.exp(logs) @ x - x[choice]
        return value, gradient

    found: np.ndarray = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B").x
    return found


def fit_whether(rows: np.ndarray, none: np.ndarray) -> np.ndarray:
    """A logistic regression of "none", classes as frequent as they are.

    rows (ndarray): Shape (queries, features).
    none (ndarray): Booleans, shape (queries,).
    RETURNS (ndarray): Weights of the features as they are, then the constant.
    """
    from sklearn.linear_model import LogisticRegression

    if none.all() or not none.any():  # nothing to learn: the share, by Laplace's rule
        share = (none.sum() + 1) / (len(none) + 2)
        return np.append(np.zeros(rows.shape[1]), np.log(share / (1 - share)))
    mean, scale = _moments(rows)
    model = LogisticRegression(max_iter=1000).fit((rows - mean) / scale, none)
    weights = model.coef_[0] / scale
    return np.append(weights, model.intercept_[0] - weights @ mean)


def _moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RETURNS (tuple): Mean and standard deviation of each column, the latter never near 0."""
    deviation = rows.std(0)
    return rows.mean(0), np.where(deviation > 1e-6, deviation, 1.0)
