"""Is one system better than another on the same documents, or was it luck? Counts in, p-values out.

What is compared are functions of sums over documents (true positives, errors, cases …), such as an
F-score over a corpus. Such a score is no mean over documents, so a t-test does not apply; documents
are what is drawn or swapped, since what stands in one document is not independent.

- Approximate randomisation (Noreen 1989; for F-scores Yeh 2000, "More accurate tests for the
  statistical significance of result differences"): if the two systems were interchangeable,
  swapping their outputs on any set of documents would not matter. p is the share of random swaps
  with a difference at least as large as the one observed, on either side. With few documents that
  differ, all swaps are gone through, and p is exact; otherwise the observed one counts as one of
  them (Phipson and Smyth 2010), so that p is never 0.
- Paired bootstrap (Efron and Tibshirani 1993; Berg-Kirkpatrick, Burkett and Klein 2012, "An
  empirical investigation of statistical significance in NLP"): documents are drawn with
  replacement, the same for both. Its percentiles are the confidence interval, its p-value the share
  of draws whose difference is off the observed one by at least that one's size.
- Holm (1979) corrects p-values when several are looked at.

scipy.stats.permutation_test and bootstrap compute the same with a call per resample (tests compare
with them). The sums over documents make both a product of matrices here, which is hundreds of times
faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import blocks, divide, drawn_sums

TOLERANCE = 1e-12  # differences that only rounding tells apart are equal


@dataclass(frozen=True)
class Metric:
    """A score of a corpus.

    name (str): Its name.
    columns (list): Which columns of the counts it needs.
    formula (Callable): Sums over documents, shape (..., columns), to scores, shape (...); NaN where
        the score is not defined.
    higher_is_better (bool): False for an error.
    """

    name: str
    columns: list[int]
    formula: Callable[[np.ndarray], np.ndarray]
    higher_is_better: bool = True

    def score(self, sums: np.ndarray) -> np.ndarray:
        """RETURNS (ndarray): Scores of sums of all columns, shape (..., all columns) to (...)."""
        return self.formula(sums[..., self.columns])


@dataclass(frozen=True)
class Difference:
    """Two systems by one metric. What is not defined is None.

    a, b (float | None): Their scores.
    difference (float | None): b - a.
    low, high (float | None): Its confidence interval, by bootstrap.
    p (float | None): By randomisation.
    p_bootstrap (float | None): By bootstrap.
    """

    a: float | None
    b: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_bootstrap: float | None = None


def compare_counts(
    a: np.ndarray,
    b: np.ndarray,
    metrics: Sequence[Metric],
    *,
    resamples: int = 9999,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Difference]:
    """Compare two systems by several metrics.

    a, b (ndarray): Counts of each system, shape (documents, columns), documents in the same order.
    metrics (Sequence): What to compare.
    resamples (int): How many swaps, and how many draws.
    confidence (float): Of the interval.
    seed (int): Of the random numbers.
    RETURNS (list): A Difference for each metric.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    scores = [(float(m.score(a.sum(0))), float(m.score(b.sum(0)))) for m in metrics]
    drawn = bootstrapped(a, b, metrics, resamples, seed)
    found = []
    for i, (metric, (score_a, score_b)) in enumerate(zip(metrics, scores, strict=True)):
        change = score_b - score_a
        if np.isnan(change):
            found.append(Difference(_or_none(score_a), _or_none(score_b)))
            continue
        draws = drawn[i][~np.isnan(drawn[i])]
        low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
        p = randomised(a, b, metric, resamples, seed).p_value(change)
        p_bootstrap = share_as_large(draws - change, change)
        found.append(Difference(score_a, score_b, change, low, high, p, p_bootstrap))
    return found


@dataclass(frozen=True)
class Swapped:
    """Differences under swaps.

    values (ndarray): Shape (swaps,).
    exact (bool): Whether these are all swaps that there are.
    """

    values: np.ndarray
    exact: bool

    def p_value(self, observed: float) -> float:
        """RETURNS (float): The two-sided p-value of an observed difference."""
        return share_as_large(self.values, observed, exact=self.exact)


def randomised(a: np.ndarray, b: np.ndarray, metric: Metric, resamples: int, seed: int) -> Swapped:
    """Differences when the outputs of both systems are swapped on a random half of the documents.

    Documents on which the counts of the metric do not differ do not matter, and are left out. If
    all swaps of the others are no more than `resamples`, they are gone through one by one.

    a, b (ndarray): Counts, shape (documents, columns).
    RETURNS (Swapped): The differences.
    """
    a, b = a[:, metric.columns], b[:, metric.columns]
    change = (b - a)[(a != b).any(1)]
    documents = len(change)
    exact = documents < 63 and 2**documents <= resamples + 1
    total_a, total_b = a.sum(0), b.sum(0)
    found = []
    for swaps in _all_swaps(documents) if exact else _random_swaps(documents, resamples, seed):
        moved = swaps @ change
        found.append(metric.formula(total_b - moved) - metric.formula(total_a + moved))
    return Swapped(np.concatenate(found), exact)


def bootstrapped(
    a: np.ndarray, b: np.ndarray, metrics: Sequence[Metric], resamples: int, seed: int
) -> np.ndarray:
    """Differences on documents drawn with replacement, the same for both systems.

    a, b (ndarray): Counts, shape (documents, columns).
    RETURNS (ndarray): Shape (metrics, resamples).
    """
    found = []
    for sums in drawn_sums(np.concatenate([a, b], axis=1), resamples, seed):
        sums_a, sums_b = np.split(sums, 2, axis=1)
        found.append([metric.score(sums_b) - metric.score(sums_a) for metric in metrics])
    return np.concatenate(found, axis=1)


def share_as_large(values: np.ndarray, observed: float, *, exact: bool = False) -> float:
    """The share of differences at least as large as the observed one, on either side.

    values (ndarray): Differences under chance. One that is not defined counts as large.
    observed (float): The one that was found.
    exact (bool): Whether `values` are all there are; otherwise the observed one is added to them.
    RETURNS (float): From 0 (exclusive) to 1.
    """
    large = int((~(np.abs(values) < abs(observed) - TOLERANCE)).sum())
    return large / len(values) if exact else (large + 1) / (len(values) + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979): at the level alpha, the chance of one or more
    false alarms among all is at most alpha.

    p_values (Sequence): As they were measured.
    RETURNS (list): Corrected, in the same order, at most 1.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, p_values[i] * (len(p_values) - rank)))
        corrected[i] = highest
    return corrected


def f1(counts: np.ndarray) -> np.ndarray:
    """F-score over all cases. counts (ndarray): (..., 3 * n) true positives, false positives, false
    negatives of each label. RETURNS (ndarray): Shape (...); NaN where there is no case."""
    tp, fp, fn = np.moveaxis(_by_label(counts).sum(-2), -1, 0)
    return divide(2 * tp, 2 * tp + fp + fn)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Mean F-score of the labels that occur, as `components.metrics.averages`.

    counts (ndarray): (..., 3 * labels) true positives, false positives, false negatives of each.
    RETURNS (ndarray): Shape (...); NaN where no label occurs.
    """
    tp, fp, fn = np.moveaxis(_by_label(counts), -1, 0)
    cases = 2 * tp + fp + fn
    scores = np.nan_to_num(divide(2 * tp, cases))
    return divide(scores.sum(-1), (cases > 0).sum(-1))


def ratio(counts: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): The first of two columns over the second; NaN where that is 0."""
    return divide(counts[..., 0], counts[..., 1])


def root_ratio(counts: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): The square root of `ratio`: a sum of squared errors to an RMSE."""
    return np.sqrt(ratio(counts))


def mean_of(metrics: Sequence[Metric]) -> Callable[[np.ndarray], np.ndarray]:
    """RETURNS (Callable): The formula of the mean of several metrics, over their columns one after
    the other."""
    ends = np.cumsum([len(metric.columns) for metric in metrics]).tolist()
    starts = [0, *ends[:-1]]

    def formula(counts: np.ndarray) -> np.ndarray:
        parts = zip(metrics, starts, ends, strict=True)
        scores = [metric.formula(counts[..., start:end]) for metric, start, end in parts]
        return np.mean(scores, axis=0)

    return formula


def _by_label(counts: np.ndarray) -> np.ndarray:
    return counts.reshape(*counts.shape[:-1], -1, 3)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _all_swaps(documents: int) -> Iterator[np.ndarray]:
    numbers = np.arange(2**documents)[:, None]
    yield (numbers >> np.arange(documents) & 1).astype(float)


def _random_swaps(documents: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng([seed, 0])
    for size in blocks(documents, resamples):
        yield rng.integers(0, 2, (size, documents), dtype=np.int8).astype(float)
