"""Which of the measured settings is taken."""

from __future__ import annotations

import pytest

from xinzhi.optimization.choice import choose, main_scores, points_lost, side_by_side


@pytest.mark.parametrize(
    ("rates", "lost", "chosen", "verdicts"),
    [
        ({"fp32": [10, 10], "bf16": [30, 28]}, {}, "bf16", ["present", "chosen"]),
        ({"fp32": [10, 10], "bf16": [10.2, 10.1]}, {}, "fp32", ["chosen", "slower"]),
        ({"fp32": [10, 10], "bf16": [5, 5]}, {}, "fp32", ["chosen", "slower"]),
        (
            {"fp32": [10, 10], "int8": [40, 40], "bf16": [20, 20]},
            {"int8": 0.6},
            "bf16",
            ["present", "costs too much", "chosen"],
        ),
        (
            {"fp32": [10, 10], "int8": [40, 40], "bf16": [20, 20]},
            {"int8": 0.5, "bf16": -1.0},
            "int8",
            ["present", "chosen", "faster, but not the fastest"],
        ),
    ],
)
def test_the_fastest_that_costs_little_is_chosen(rates, lost, chosen, verdicts):
    value, rows = choose(side_by_side(rates, "fp32", lost), "fp32", 0.5)
    assert value == chosen
    assert [row["verdict"] for row in rows] == verdicts


def test_ratios_are_taken_within_a_round():
    _, rows = choose(side_by_side({1: [10, 100, 20], 2: [20, 150, 50]}, 1), 1, 0.5)
    assert rows[1] == {
        "value": 2,
        "characters_per_second": 50,
        "ratio": 2.0,
        "lowest_ratio": 1.5,
        "highest_ratio": 2.5,
        "points_lost": 0.0,
        "verdict": "chosen",
    }


def test_scores_that_must_not_fall():
    scores = main_scores(
        {
            "entities": {"f1": 0.7},
            "heads": {"topic": {"micro": {"f1": 0.9}}, "other": None},
            "scores": {"length": {"spearman": 0.5}, "flat": {"spearman": None}},
        }
    )
    assert scores == {"entities F1": 0.7, "topic F1": 0.9, "length rank correlation": 0.5}
    assert points_lost({**scores, "topic F1": 0.89}, scores) == pytest.approx(1.0)
    assert points_lost({**scores, "topic F1": 0.95}, scores) == 0.0
