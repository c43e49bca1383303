"""Numeric settings of our architectures: one message that names setting, value and valid range."""

from __future__ import annotations

from typing import Any

import pytest
import spacy

from tests.components.helpers import model
from xinzhi.errors import XinzhiError

TAGGER, CLASSIFIER = "xinzhi.TokenTagger.v1", "xinzhi.DocClassifier.v1"
REGRESSOR, INTERACTION = "xinzhi.DocRegressor.v1", "xinzhi.InteractionRegressor.v1"
FACTORIES = {TAGGER: "xinzhi_ner", CLASSIFIER: "xinzhi_cats"}
SETS = {"resources": ["资源"], "technologies": ["技术"]}
BAD = [
    *((name, "dropout", value) for name in (TAGGER, CLASSIFIER, REGRESSOR) for value in (2.0, 1.0)),
    *((name, "dropout", -0.1) for name in (TAGGER, INTERACTION)),
    *((name, "hidden_width", -1) for name in (TAGGER, CLASSIFIER, REGRESSOR)),
    *((name, "hidden_width", 10**9) for name in (TAGGER, CLASSIFIER, REGRESSOR)),
    *((TAGGER, key, value) for key, value in (("hidden_width", 0), ("depth", -1), ("depth", 1000))),
    *((name, "l2", -0.01) for name in (REGRESSOR, INTERACTION)),
]


def add(architecture: str, **settings: Any) -> None:
    more = SETS if architecture == INTERACTION else {}
    factory = FACTORIES.get(architecture, "xinzhi_score")
    spacy.blank("zh").add_pipe(factory, config={"model": model(architecture, **more, **settings)})


@pytest.mark.parametrize(("architecture", "setting", "value"), BAD)
def test_out_of_range(architecture: str, setting: str, value: float) -> None:
    with pytest.raises(XinzhiError) as caught:
        add(architecture, **{setting: value})
    assert caught.value.fact == f"{architecture}: {setting} = {value} is out of range."
    assert caught.value.next_step.startswith("Use a")


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        (TAGGER, {"dropout": 0.0, "hidden_width": 1, "depth": 0}),
        (CLASSIFIER, {"dropout": 0.9, "hidden_width": 0}),
        (REGRESSOR, {"l2": 0.0, "hidden_width": 0}),
        (INTERACTION, {"dropout": 0.5, "l2": 100.0}),
    ],
)
def test_the_edges_are_valid(architecture: str, settings: dict[str, Any]) -> None:
    add(architecture, **settings)
