"""What the old pipeline adds to new annotation, and what is left open."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc
from spacy.vocab import Vocab

from xinzhi.training.labels import Labels, find_new_labels
from xinzhi.update.complete import complete, open_suspects, surfaces_of

from ..small import make_doc


@pytest.fixture(scope="module")
def nlp(made: Path) -> spacy.Language:
    return spacy.load(made / "pipeline")


def only(doc: Doc, label: str) -> Doc:
    doc.set_ents([ent for ent in doc.ents if ent.label_ == label])
    return doc


def test_new_labels_are_found(nlp: spacy.Language) -> None:
    doc = make_doc(nlp.vocab, 2, ("SERVICE", "TOOL"), ("pos", "neg", "new"))
    doc.cats |= {"urgent/yes": 1.0, "urgent/no": 0.0}
    found = find_new_labels(nlp, [doc])
    assert found == Labels(["TOOL"], ["mood/new"], [("urgent", True, ["no", "yes"])])
    assert found.names == ["entities/TOOL", "heads/mood/new"]
    assert not find_new_labels(nlp, [make_doc(nlp.vocab, 1, ("SERVICE",), ("pos",))])


def test_labels_that_annotators_did_not_look_for_come_from_the_old_pipeline(
    nlp: spacy.Language,
) -> None:
    docs = [
        only(make_doc(nlp.vocab, n, ("SERVICE", "PLACE", "TOOL"), ("pos",)), "TOOL")
        for n in range(500, 520)
    ]
    counts = complete(nlp, docs, Labels(["TOOL"]), ["TOOL"], 0.0)
    assert counts["entities"] >= 30
    assert counts["open"] == 0
    assert {ent.label_ for doc in docs for ent in doc.ents} == {"SERVICE", "PLACE", "TOOL"}
    assert sum(ent.label_ == "TOOL" for doc in docs for ent in doc.ents) == 20
    assert all(token.ent_iob for doc in docs for token in doc)  # what is no entity is outside


def test_what_the_old_pipeline_doubts_is_left_open(nlp: spacy.Language) -> None:
    doc = only(make_doc(nlp.vocab, 501, ("SERVICE", "TOOL"), ("pos",)), "TOOL")
    counts = complete(nlp, [doc], Labels(["TOOL"]), ["TOOL"], 1.0)
    assert counts["open"] >= 1
    assert counts["entities"] == 0
    assert [ent.label_ for ent in doc.ents] == ["TOOL"]
    assert any(token.ent_iob == 0 for token in doc)


def test_heads_get_the_old_probabilities_but_not_those_with_a_new_label(
    nlp: spacy.Language,
) -> None:
    doc = make_doc(nlp.vocab, 4, ("SERVICE",), ("pos",))
    doc.cats = {}
    assert complete(nlp, [doc], Labels(cats=["mood/new"]), [], 0.9)["heads"] == 0
    assert doc.cats == {}
    assert complete(nlp, [doc], Labels(), [], 0.9)["heads"] == 1
    assert set(doc.cats) == {"mood/neg", "mood/pos"}
    assert sum(doc.cats.values()) == pytest.approx(1.0, abs=1e-5)


def test_complete_annotation_is_left_alone(nlp: spacy.Language) -> None:
    doc = make_doc(nlp.vocab, 3, ("SERVICE", "TOOL"), ("pos", "neg"))
    before = doc.to_bytes()
    assert complete(nlp, [doc], Labels(["TOOL"]), [], 0.9) == {"entities": 0, "heads": 0, "open": 0}
    assert doc.to_bytes() == before


def test_entities_of_a_new_label_are_left_open_in_old_texts() -> None:
    vocab = Vocab()
    text = "电子台账很好，电子台账平台上线"
    doc = Doc(vocab, list(text), [False] * len(text))
    doc.set_ents([doc.char_span(7, 13, "PLACE")])
    new = make_doc(vocab, 0, ("TOOL",), ("pos",))
    surfaces = surfaces_of([new], ["TOOL"]) | {"电子台账"}
    assert open_suspects([doc], surfaces) == 1
    assert [token.ent_iob for token in doc[:7]] == [0, 0, 0, 0, 2, 2, 2]
    assert [ent.text for ent in doc.ents] == ["电子台账平台"]
