"""The arithmetic of comparisons: tables, scipy as a second opinion, behaviour under chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from xinzhi.evaluation.significance import (
    Metric,
    bootstrapped,
    compare_counts,
    f1,
    holm,
    macro_f1,
    mean_of,
    randomised,
    ratio,
    root_ratio,
    share_as_large,
)

F1 = Metric("f1", [0, 1, 2], f1)
ACCURACY = Metric("accuracy", [0, 1], ratio)


def accuracy_counts(right: np.ndarray) -> np.ndarray:
    return np.stack([right, np.ones(len(right))], axis=1)


def entity_counts(rng: np.random.Generator, documents: int, right: float) -> np.ndarray:
    """Two gold entities a document, each found with probability `right`, sometimes one too many."""
    tp = rng.binomial(2, right, documents)
    return np.stack([tp, rng.binomial(1, 0.3, documents), 2 - tp], axis=1)


@pytest.mark.parametrize(
    ("formula", "counts", "score"),
    [
        (f1, [8, 2, 2], 0.8),
        (f1, [0, 3, 2], 0.0),
        (f1, [0, 0, 0], np.nan),
        (f1, [3, 1, 0, 1, 0, 3], 8 / 12),
        (macro_f1, [3, 1, 0, 1, 0, 3], (6 / 7 + 2 / 5) / 2),
        (macro_f1, [3, 1, 0, 0, 0, 0], 6 / 7),  # a label that does not occur
        (macro_f1, [3, 1, 0, 0, 2, 0], 3 / 7),  # one that is only predicted
        (macro_f1, [0, 0, 0, 0, 0, 0], np.nan),
        (ratio, [3, 4], 0.75),
        (ratio, [0, 0], np.nan),
        (root_ratio, [8, 2], 2.0),
    ],
)
def test_formulas(formula: Callable, counts: list[int], score: float) -> None:
    np.testing.assert_allclose(formula(np.array(counts, dtype=float)), score)
    many = np.array([counts, counts], dtype=float)
    np.testing.assert_allclose(formula(many), [score, score])


def test_macro_f1_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    gold, guess = rng.integers(0, 4, 50), rng.integers(0, 5, 50)
    rows = [[gold == guess, gold != guess, gold != guess]] * 5
    counts = [
        [(t & (gold == k)).sum(), (w & (guess == k)).sum(), (n & (gold == k)).sum()]
        for k, (t, w, n) in enumerate(rows)
    ]
    expected = f1_score(gold, guess, average="macro")
    assert macro_f1(np.ravel(counts).astype(float)) == pytest.approx(expected)


def test_the_mean_of_metrics() -> None:
    both = mean_of([ACCURACY, F1])
    assert both(np.array([3.0, 4.0, 8.0, 2.0, 2.0])) == pytest.approx((0.75 + 0.8) / 2)


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.9, 0.001], [1.0, 1.0, 0.003]),
    ],
)
def test_holm(p_values: list[float], corrected: list[float]) -> None:
    assert holm(p_values) == pytest.approx(corrected)


@pytest.mark.parametrize(
    ("values", "observed", "exact", "share"),
    [
        ([-2, -1, 0, 1], 1.0, True, 0.75),
        ([-2, -1, 0, 1], -1.0, False, 4 / 5),
        ([0, 0, 0], 0.5, False, 1 / 4),  # never 0
        ([0.1 + 0.2, 0.0], 0.3, True, 0.5),  # equal but for rounding
        ([np.nan, 0.0], 0.3, True, 0.5),
    ],
)
def test_share_as_large(values: list[float], observed: float, exact: bool, share: float) -> None:
    assert share_as_large(np.array(values), observed, exact=exact) == share


def test_identical_systems_never_differ() -> None:
    counts = entity_counts(np.random.default_rng(0), 40, 0.8)
    (found,) = compare_counts(counts, counts, [F1], resamples=99)
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)
    assert (found.p, found.p_bootstrap) == (1.0, 1.0)


def test_a_planted_difference_is_found() -> None:
    rng = np.random.default_rng(1)
    a, b = entity_counts(rng, 200, 0.6), entity_counts(rng, 200, 0.75)
    (found,) = compare_counts(a, b, [F1], resamples=1999)
    assert found.difference is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.difference < found.high
    assert found.p is not None
    assert found.p_bootstrap is not None
    assert found.p < 0.005
    assert found.p_bootstrap < 0.005
    (back,) = compare_counts(b, a, [F1], resamples=1999)
    assert back.difference == pytest.approx(-found.difference)
    assert back.p == pytest.approx(found.p, abs=0.002)


def test_few_different_documents_are_exact() -> None:
    """Ten documents, three of which only B has right: two of the eight swaps are as large."""
    right = np.array([1] * 7 + [0] * 3)
    (found,) = compare_counts(accuracy_counts(right), accuracy_counts(np.ones(10)), [ACCURACY])
    assert found.difference == pytest.approx(0.3)
    assert found.p == 2 / 8


def test_the_same_seed_gives_the_same() -> None:
    rng = np.random.default_rng(2)
    a, b = entity_counts(rng, 60, 0.7), entity_counts(rng, 60, 0.7)
    one, same, other = (compare_counts(a, b, [F1], resamples=199, seed=seed) for seed in (3, 3, 4))
    assert one == same != other


def test_a_score_that_is_not_defined() -> None:
    """A label that only A predicts has an F-score of 0 there, and none at all in B."""
    a, b = np.array([[0, 1, 0], [0, 0, 0]]), np.zeros((2, 3))
    (found,) = compare_counts(a, b, [F1], resamples=99)
    assert (found.a, found.b, found.difference, found.p) == (0.0, None, None, None)


def test_randomisation_agrees_with_scipy() -> None:
    rng = np.random.default_rng(5)
    a, b = entity_counts(rng, 12, 0.5), entity_counts(rng, 12, 0.9)
    both = np.concatenate([a, b])

    def statistic(x: np.ndarray, y: np.ndarray) -> float:
        """Of the numbers of rows: what scipy swaps."""
        return float(f1(both[y.astype(int)].sum(0)) - f1(both[x.astype(int)].sum(0)))

    rows = (np.arange(12), np.arange(12, 24))
    expected = stats.permutation_test(
        rows, statistic, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    (exact,) = compare_counts(a, b, [F1], resamples=2**12)
    assert exact.difference == pytest.approx(expected.statistic)
    # scipy doubles the smaller tail; the distribution under swaps is symmetric
    assert exact.p == pytest.approx(expected.pvalue)
    sampled = randomised(a.astype(float), b.astype(float), F1, 2000, 0)
    assert not sampled.exact
    assert sampled.p_value(expected.statistic) == pytest.approx(expected.pvalue, abs=0.02)


def test_the_interval_agrees_with_scipy() -> None:
    rng = np.random.default_rng(6)
    a, b = entity_counts(rng, 80, 0.6), entity_counts(rng, 80, 0.7)

    def statistic(rows: np.ndarray, axis: int) -> np.ndarray:
        axis %= rows.ndim
        return f1(b[rows].sum(axis)) - f1(a[rows].sum(axis))

    expected = stats.bootstrap(
        (np.arange(80),), statistic, method="percentile", vectorized=True, n_resamples=4000, rng=0
    ).confidence_interval
    (found,) = compare_counts(a, b, [F1], resamples=4000)
    assert found.low == pytest.approx(expected.low, abs=0.01)
    assert found.high == pytest.approx(expected.high, abs=0.01)


def test_p_values_are_uniform_under_chance() -> None:
    """Two systems of the same quality: 5 % of the p-values are below 0.05, and so on."""
    rng = np.random.default_rng(7)
    p_values = []
    for trial in range(400):
        a, b = entity_counts(rng, 60, 0.7), entity_counts(rng, 60, 0.7)
        swapped = randomised(a.astype(float), b.astype(float), F1, 199, trial)
        observed = float(f1(b.sum(0)) - f1(a.sum(0)))
        p_values.append(swapped.p_value(observed))
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.025)


def test_the_interval_covers_the_true_difference() -> None:
    rng = np.random.default_rng(8)
    covered = []
    for trial in range(200):
        a, b = entity_counts(rng, 80, 0.6), entity_counts(rng, 80, 0.7)
        draws = bootstrapped(a.astype(float), b.astype(float), [F1], 199, trial)[0]
        low, high = np.quantile(draws, [0.025, 0.975])
        true = 2 * 1.4 / (1.4 + 0.3 + 2) - 2 * 1.2 / (1.2 + 0.3 + 2)
        covered.append(low <= true <= high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.05)


def test_large_corpora_are_taken_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    a, b = (entity_counts(rng, 50, right).astype(float) for right in (0.6, 0.7))
    whole = randomised(a, b, F1, 100, 0).values
    monkeypatch.setattr("xinzhi.evaluation.intervals.CELLS", 500)
    assert randomised(a, b, F1, 100, 0).values.shape == whole.shape == (100,)
    assert bootstrapped(a, b, [F1], 105, 0).shape == (1, 105)
