"""How far confidences can be relied on, against hand-computed and simulated values."""

from __future__ import annotations

import numpy as np
import pytest

from xinzhi.components.cats_scorer import Row
from xinzhi.evaluation.confidence import (
    chance_calibration_error,
    confidence_scores,
    expected_calibration_error,
    head_confidence,
    reliability,
)


@pytest.mark.parametrize("n", [50, 333, 5000])
def test_by_chance_is_what_right_confidences_give(n: int) -> None:
    rng = np.random.default_rng(0)
    confidence = rng.beta(4, 1.5, n)
    found = [expected_calibration_error(confidence, rng.random(n) < confidence) for _ in range(200)]
    assert chance_calibration_error(confidence) == pytest.approx(np.mean(found), rel=0.1)  # type: ignore[arg-type]


def test_nothing_has_no_error() -> None:
    nothing = np.array([])
    assert chance_calibration_error(nothing) is None
    scores = confidence_scores(nothing, nothing)
    assert (scores["n"], scores["ece"], scores["auc"]) == (0, None, None)
    assert scores["reliability"] == []


def test_reliability_adds_up_to_the_ece() -> None:
    confidence = np.array([0.0, 0.05, 0.72, 0.78, 0.99, 1.0])
    correct = np.array([False, True, True, False, True, True])
    rows = reliability(confidence, correct)
    assert [(row["low"], row["high"], row["n"]) for row in rows] == [
        (0.0, 0.1, 2),
        (0.7, 0.8, 2),
        (0.9, 1.0, 2),
    ]
    ece = sum(row["n"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / 6
    assert ece == pytest.approx(expected_calibration_error(confidence, correct))


def test_confidence_of_heads() -> None:
    exclusive: list[Row] = [
        ({"a": 1.0, "b": 0.0}, "a", {"a": 0.8, "b": 0.2}),
        ({"a": 1.0, "b": 0.0}, "b", {"a": 0.3, "b": 0.7}),
        ({"new": 1.0}, "b", {"a": 0.4, "b": 0.6}),
    ]
    scores = head_confidence(exclusive)
    assert scores["n"] == 3
    assert scores["accuracy"] == pytest.approx(1 / 3)
    assert scores["ece"] == pytest.approx((0.2 + 0.7 + 0.6) / 3)
    assert scores["auc"] == 1.0
    several: list[Row] = [({"a": 1.0, "b": 0.0}, ["a"], {"a": 0.9, "b": 0.6, "c": 0.5})]
    scores = head_confidence(several)  # c is not annotated
    assert scores["n"] == 2
    assert scores["accuracy"] == 0.5
    assert scores["ece"] == pytest.approx((0.1 + 0.6) / 2)
