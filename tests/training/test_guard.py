"""When training stops by itself."""

from __future__ import annotations

import math

import pytest

from xinzhi.errors import XinzhiError
from xinzhi.training.guard import collapsed, jumped, not_finite, not_improving
from xinzhi.training.settings import RunSettings, run_settings


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], None),
        ([0.8], None),
        ([0.0, 0.8, 0.3, 0.39], "fell from 0.8000 to 0.3000, 0.3900"),
        ([0.0, 0.8, 0.3, 0.41], None),  # recovering
        ([0.8, 0.3], None),  # only once
        ([0.8, 0.3, 0.7, 0.3], None),
        ([0.08, 0.01, 0.01], None),  # nothing had been learned yet
        ([0.5, math.nan], "score is nan"),
        ([0.97, 0.0, 0.0], "fell from 0.9700"),
    ],
)
def test_collapse(scores: list[float], expected: str | None) -> None:
    found = collapsed(scores, 0.5, 2)
    assert (expected in found) if expected and found else found is None is expected


def test_collapse_settings() -> None:
    assert collapsed([0.8, 0.0, 0.0, 0.0], 0.5, None) is None
    assert collapsed([0.8, 0.7, 0.7], 0.9, 1)
    assert collapsed([0.8, 0.7, 0.7], 0.8, 1) is None


@pytest.mark.parametrize(
    ("scores", "patience", "stops"),
    [
        ([0.1, 0.2, 0.3], 1, False),
        ([0.3, 0.2], 1, True),
        ([0.3, 0.3], 1, True),  # the same score is no improvement
        ([0.3, 0.2, 0.2], 3, False),
        ([0.3, 0.2, 0.2, 0.2], 3, True),
        ([0.3] * 50, None, False),  # off
        ([0.3], 1, False),
        ([], 1, False),
    ],
)
def test_patience_counts_evaluations(
    scores: list[float], patience: int | None, stops: bool
) -> None:
    assert bool(not_improving(scores, patience)) is stops


def test_jumps() -> None:
    assert jumped(0.5, 4.9) is None
    assert jumped(0.5, 0.1) is None
    assert jumped(0.5, 5.1) == "the loss of a batch jumped from 0.5 to 5.1"
    assert jumped(0.5, math.nan) == "the loss of a batch jumped from 0.5 to nan"


def test_not_finite() -> None:
    assert not_finite({"ner": 1.0}, 2.0) is None
    assert not_finite({"ner": 1.0, "textcat": math.nan}, 1.0) == "the loss of 'textcat' is nan"
    assert not_finite({"ner": math.inf}, 1.0) == "the loss of 'ner' is inf"
    assert not_finite({}, math.nan) == "the norm of the gradients is nan"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"patience": 0}, r"run\.patience = 0"),
        ({"patience": -1}, r"run\.patience = -1"),
        ({"patience": 2.5}, "whole number"),
        ({"patience": True}, "whole number"),
        ({"checkpoint_every": 0}, r"run\.checkpoint_every = 0"),
        ({"collapse_ratio": 1.5}, r"run\.collapse_ratio"),
        ({"collapse_evaluations": "two"}, r"run\.collapse_evaluations"),
        ({"patients": 3}, r"run\.patients is no setting.*\n.*patience"),
    ],
)
def test_bad_settings(section: dict[str, object], message: str) -> None:
    with pytest.raises(XinzhiError, match=message):
        run_settings(section)


def test_settings() -> None:
    assert run_settings({}) == RunSettings()
    assert run_settings({"patience": None}).patience is None
    assert run_settings({"patience": 3}).patience == 3
