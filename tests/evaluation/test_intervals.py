"""Bootstrap intervals: those of scipy, and honest where nothing is defined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap as scipy_bootstrap

from xinzhi.evaluation.counts import Counts
from xinzhi.evaluation.intervals import (
    bootstrap,
    label_intervals,
    mean_interval,
    overall_intervals,
)


def random_counts(seed: int, documents: int = 60) -> Counts:
    rng = np.random.default_rng(seed)
    tp, fp, fn = (rng.poisson(rate, (documents, 2)) for rate in (0.8, 0.3, 0.4))
    return Counts(["a", "b"], tp, fp, fn)


def f1(counts: Counts, numbers: np.ndarray) -> np.ndarray:
    tp, fp, fn = (cells[numbers].sum((-2, -1)) for cells in (counts.tp, counts.fp, counts.fn))
    return 2 * tp / (2 * tp + fp + fn)


@pytest.mark.parametrize("seed", range(3))
def test_as_scipy(seed: int) -> None:
    counts = random_counts(seed)
    expected = scipy_bootstrap(
        (np.arange(60),),
        lambda numbers, axis: f1(counts, numbers),
        method="percentile",
        n_resamples=2000,
        random_state=1,
    ).confidence_interval
    low, high = overall_intervals(counts)["f1"] or (0, 0)
    assert low < f1(counts, np.arange(60)) < high
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.015)


def test_the_interval_shrinks_with_the_corpus() -> None:
    widths = []
    for documents in (20, 500):
        low, high = overall_intervals(random_counts(0, documents))["macro_f1"] or (0, 0)
        widths.append(high - low)
    assert widths[1] < widths[0] / 3


def test_one_interval_for_each_label() -> None:
    counts = random_counts(1)
    found = label_intervals(counts)
    alone = label_intervals(Counts(["b"], counts.tp[:, 1:], counts.fp[:, 1:], counts.fn[:, 1:]))
    assert found["b"] == alone["b"]
    assert found["a"] != found["b"]


def test_what_is_not_defined_has_no_interval() -> None:
    nothing = np.zeros((5, 1), dtype=int)
    found = label_intervals(Counts(["a"], nothing, nothing + 1, nothing))["a"]
    assert found == {"precision": [0, 0], "recall": None, "f1": [0, 0]}
    assert mean_interval(np.ones(4)) == [1, 1]


def test_large_corpora_are_drawn_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(50.0)
    whole = bootstrap(values, lambda sums: sums[:, None] / 50, draws=40)
    monkeypatch.setattr("xinzhi.evaluation.intervals.CELLS", 333)
    assert bootstrap(values, lambda sums: sums[:, None] / 50, draws=40) == whole
