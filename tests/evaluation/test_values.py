"""Real values: errors against the gold values, beside a constant."""

from __future__ import annotations

import pytest
import spacy
from spacy.training import Example

from tests.components.helpers import annotated
from xinzhi.components.base import ensure_extension
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.values import value_scores

nlp = spacy.blank("zh")
ensure_extension(spacy.tokens.Doc, "scores", default={})


def example(gold: object, predicted: dict[str, float], record: str = "test:1") -> Example:
    made = annotated(nlp, "很好", scores=gold, record=record)  # type: ignore[arg-type]
    made.predicted._.scores.update(predicted)
    return made


def test_by_hand() -> None:
    examples = [
        example({"x": 1.0}, {"x": 2.0, "y": 9.0}),
        example({"x": 5.0}, {"x": 4.0, "y": 9.0}),
        example({"x": 3.0, "z": 1.0}, {"x": 3.0, "y": 9.0}),
        example({}, {"x": 100.0}),
        example(None, {"x": 100.0}),
    ]
    scores = value_scores(examples)
    assert scores == {
        "x": {
            "n": 3,
            "mae": pytest.approx(2 / 3),
            "rmse": pytest.approx((2 / 3) ** 0.5),
            "spearman": pytest.approx(1.0),
            "r2": pytest.approx(1 - 2 / 8),
            "baseline": {
                "value": pytest.approx(3.0),
                "mae": pytest.approx(4 / 3),
                "rmse": pytest.approx((8 / 3) ** 0.5),
            },
        },
        "z": None,  # annotated, not predicted
    }


def test_equal_to_scikit_learn_and_scipy() -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    gold = [1.0, 2.0, 2.0, 5.0, 3.0]
    predicted = [1.5, 1.0, 2.5, 4.0, 4.0]
    pairs = zip(gold, predicted, strict=True)
    scores = value_scores([example({"x": g}, {"x": p}) for g, p in pairs])["x"]
    assert scores is not None
    assert scores["mae"] == pytest.approx(mean_absolute_error(gold, predicted))
    assert scores["rmse"] == pytest.approx(root_mean_squared_error(gold, predicted))
    assert scores["r2"] == pytest.approx(r2_score(gold, predicted))
    assert scores["spearman"] == pytest.approx(spearmanr(gold, predicted).statistic)


def test_a_constant_gold_value_has_no_correlation() -> None:
    scores = value_scores([example({"x": 1.0}, {"x": v}) for v in (0.0, 3.0)])["x"]
    assert scores is not None
    assert scores["spearman"] is scores["r2"] is None
    assert scores["baseline"]["rmse"] == 0.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "5", None])
def test_bad_gold_names_the_record(value: object) -> None:
    with pytest.raises(XinzhiError, match="record test:8: the score 'x'"):
        value_scores([example({"x": value}, {"x": 1.0}, record="test:8")])
