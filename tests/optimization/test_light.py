"""Prediction without spacy-transformers: the same predictions, and none of its modules."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Config

from tests.layers.test_encoder import EN, ZH, examples_of, make_nlp
from tests.util import TEXTS
from xinzhi.errors import XinzhiError
from xinzhi.optimization.config import CONFIG, change_config
from xinzhi.optimization.light import lightened

MakeEncoder = Callable[..., Path]
# As in an environment without spacy-transformers: spaCy imports every installed package that has
# a factory as soon as a pipeline is made, whether it is used or not.
LOADED = """
import catalogue, sys
groups = catalogue.AVAILABLE_ENTRY_POINTS
if isinstance(groups, dict):
    groups = {g: [p for p in found if "spacy_tr" not in p.value] for g, found in groups.items()}
else:
    groups = type(groups)(point for point in groups if "spacy_tr" not in point.value)
catalogue.AVAILABLE_ENTRY_POINTS = groups
import spacy
nlp = spacy.load(sys.argv[1])
print([ent.text for ent in nlp(sys.argv[2]).ents])
print([name for name in ("spacy_transformers", "transformers", "sklearn") if name in sys.modules])
"""


@pytest.fixture
def folder(tiny_encoder: MakeEncoder, tmp_path: Path) -> Path:
    """A trained pipeline with spaCy's own entity recogniser on our encoder."""
    nlp = make_nlp(tiny_encoder(), train_precision="fp32", window=30, overlap=8)
    optimizer = nlp.initialize(lambda: examples_of(nlp, ZH))
    optimizer.learn_rate = 0.002
    for _ in range(60):
        nlp.update(examples_of(nlp, ZH), sgd=optimizer)
    nlp.to_disk(tmp_path / "模型")
    return tmp_path / "模型"


def lighten(folder: Path) -> None:
    config = Config().from_disk(folder / CONFIG, interpolate=False)
    change_config(folder, {"components": lightened(config["components"])})


def test_the_same_predictions_without_its_modules(folder: Path) -> None:
    plain = spacy.load(folder)
    lighten(folder)
    light = spacy.load(folder)
    texts = [*TEXTS, "", " ", ZH[0][0], "长" * 100, EN[0][0]]
    for ours, theirs in zip(light.pipe(texts), plain.pipe(texts), strict=True):
        assert [(e.text, e.label_) for e in ours.ents] == [(e.text, e.label_) for e in theirs.ents]
        if len(ours):
            vectors = theirs._.trf_data.model_output.last_hidden_state[0]
            np.testing.assert_allclose(ours._.trf_data.vectors, vectors, atol=1e-5)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADED, str(folder), ZH[0][0]],
        capture_output=True,
        text=True,
        encoding="utf8",
        check=True,
    )
    assert done.stdout.splitlines() == [str([e.text for e in plain(ZH[0][0]).ents]), "[]"]


def test_it_is_saved_again_and_pickled_for_processes(folder: Path, tmp_path: Path) -> None:
    lighten(folder)
    light = spacy.load(folder)
    light.to_disk(tmp_path / "again")
    again = spacy.load(tmp_path / "again")
    text = ZH[0][0]
    expected = [e.text for e in light(text).ents]
    assert [e.text for e in again(text).ents] == expected
    assert [e.text for e in again.from_bytes(light.to_bytes())(text).ents] == expected


def test_it_cannot_be_trained(folder: Path) -> None:
    lighten(folder)
    nlp = spacy.load(folder)
    with pytest.raises(XinzhiError, match="for prediction only"):
        nlp.initialize(lambda: examples_of(nlp, ZH))
    examples = [Example.from_dict(nlp.make_doc("好"), {"entities": []})]
    with pytest.raises(XinzhiError, match="for prediction only"):
        nlp.update(examples)


@pytest.mark.parametrize(
    "components",
    [
        {"ner": {"factory": "ner", "model": {"@architectures": "spacy.X.v1"}}},
        {
            "transformer": {
                "factory": "transformer",
                "model": {"@architectures": "spacy-transformers.TransformerModel.v3"},
            }
        },
        {
            "transformer": {
                "factory": "transformer",
                "model": {"@architectures": "xinzhi.Encoder.v1"},
            },
            "other": {"model": {"@architectures": "spacy-transformers.Tok2VecTransformer.v3"}},
        },
    ],
)
def test_what_needs_spacy_transformers_is_left_alone(components: dict) -> None:
    assert lightened(components) is None
