"""Threshold curves and risk against coverage, by hand and as scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from xinzhi.evaluation.curves import POINTS, risk_coverage, threshold_curve

CONFIDENCE = np.array([0.9, 0.8, 0.8, 0.4])
CORRECT = np.array([True, False, True, False])


def test_threshold_curve_by_hand() -> None:
    curve = threshold_curve(CONFIDENCE, CORRECT, n_gold=4)
    assert curve is not None
    assert curve["threshold"] == [0.4, 0.8, 0.9]
    assert curve["precision"] == pytest.approx([2 / 4, 2 / 3, 1])
    assert curve["recall"] == pytest.approx([2 / 4, 2 / 4, 1 / 4])
    assert curve["f1"] == pytest.approx([1 / 2, 4 / 7, 2 / 5])
    assert curve["best"]["threshold"] == 0.8
    assert curve["average_precision"] == pytest.approx(1 / 4 + 2 / 3 / 4)


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_as_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidence = rng.random(1000)
    correct = rng.random(1000) < confidence
    curve = threshold_curve(confidence, correct, int(correct.sum()))
    assert curve is not None
    assert curve["average_precision"] == pytest.approx(average_precision_score(correct, confidence))
    assert len(curve["threshold"]) == POINTS
    assert curve["threshold"] == sorted(curve["threshold"])


def test_risk_coverage_by_hand() -> None:
    curve = risk_coverage(CONFIDENCE, CORRECT)
    assert curve is not None
    assert curve["coverage"] == [0.25, 0.75, 1.0]
    assert curve["risk"] == pytest.approx([0, 1 / 3, 1 / 2])
    assert curve["threshold"] == [0.9, 0.8, 0.4]
    assert curve["aurc"] == pytest.approx((0 + 2 * 1 / 3 + 1 / 2) / 4)
    assert curve["random_aurc"] == 0.5
    assert curve["best_aurc"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)
    assert curve["targets"][0] == {"accuracy": 0.9, "coverage": 0.25, "threshold": 0.9}


def test_never_good_enough() -> None:
    curve = risk_coverage(np.array([0.9, 0.1]), np.array([False, True]))
    assert curve is not None
    assert {target["coverage"] for target in curve["targets"]} == {None}


def test_nothing_to_draw() -> None:
    none = np.array([])
    assert risk_coverage(none, none.astype(bool)) is None
    assert threshold_curve(none, none.astype(bool), 3) is None
    assert threshold_curve(CONFIDENCE, ~CORRECT & CORRECT, 3) is None
