"""A dev corpus without the annotation that training selects by is refused before step 1."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from xinzhi.errors import XinzhiError
from xinzhi.training.dev_annotation import check_dev_annotation, has_annotation
from xinzhi.training.train import train

ANNOTATED = ["cats_score", "cats_macro_auc", "cats_topic_acc", "cats_topic_macro_f", "ents_f"]
ANNOTATED += ["spans_sc_f", "score_spearman", "score_risk_mae", "tag_acc", "speed", "my_score"]
MISSING = ["cats_tone_acc", "spans_other_f", "score_price_rmse", "pos_acc", "lemma_acc", "sents_f"]
MISSING += ["dep_las", "morph_acc"]


@pytest.fixture
def doc() -> Doc:
    doc = spacy.blank("zh").make_doc("医院很好")
    doc.set_ents([doc[0:2]], default="outside")
    doc[0].tag_ = "N"
    doc.cats = {"topic/health": 1.0}
    doc.spans["sc"] = []
    doc.user_data["scores"] = {"risk": 0.5}
    return doc


@pytest.mark.parametrize("score", ANNOTATED)
def test_what_a_document_is_annotated_for(doc: Doc, score: str) -> None:
    assert has_annotation(doc, score)


@pytest.mark.parametrize("score", MISSING)
def test_what_it_is_not(doc: Doc, score: str) -> None:
    assert not has_annotation(doc, score)


@pytest.mark.parametrize("score", ["ents_f", "cats_score", "score_mae", "tag_acc"])
def test_a_bare_text_is_annotated_for_nothing(score: str) -> None:
    assert not has_annotation(spacy.blank("zh").make_doc("医院很好"), score)


def test_one_annotated_document_is_enough(doc: Doc) -> None:
    bare = spacy.blank("zh").make_doc("好")
    examples = [Example(doc.copy(), reference) for reference in (bare, doc)]
    check_dev_annotation(examples, {"ents_f": 0.5, "cats_score": 0.5, "dep_las": None}, "x.cfg")
    with pytest.raises(XinzhiError, match=r"^x\.cfg: none of the 2 dev documents .* dep_las,"):
        check_dev_annotation(examples, {"ents_f": 0.5, "dep_las": 0.5}, "x.cfg")


def test_training_stops_before_step_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = DocBin(docs=[spacy.blank("zh").make_doc("医院很好")])
    bare.to_disk("bare.spacy")
    with pytest.raises(XinzhiError, match=r"none of the 1 dev documents .* cats_score") as caught:
        train("train.cfg", "out", overrides={"paths.dev": "bare.spacy"})
    assert "--training.score_weights.cats_score null" in caught.value.next_step
    assert "CATS_SCORE" not in capsys.readouterr().out
    assert not Path("out/model-best").exists()


def test_an_empty_dev_corpus_is_said(folder: Path) -> None:
    DocBin().to_disk("empty.spacy")
    with pytest.raises(XinzhiError, match="the dev corpus holds no document"):
        train("train.cfg", "out", overrides={"paths.dev": "empty.spacy"})
