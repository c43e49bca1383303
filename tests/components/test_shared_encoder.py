"""Our heads on `xinzhi.Encoder.v1`, as in configs/smartcity.cfg, with a tiny encoder."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import DocBin

from .helpers import (
    CATEGORIES,
    ENTITIES,
    annotated,
    blank,
    cats_examples,
    classifier,
    entity_examples,
    ents_of,
    fresh,
    model,
    same_weights,
    tagger,
    train,
    weights_of,
)

HEAD = {"rank": {"pooling": "attention", "dropout": 0.0}, "isolate": {}}
LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "pooling": {"@layers": "reduce_mean.v1"},
}


@pytest.fixture(scope="module", params=["rank", pytest.param("isolate", marks=pytest.mark.slow)])
def trained(request, tiny_encoder):
    head = {"tok2vec": LISTENER, **HEAD[request.param]}
    encoder = {"name": str(tiny_encoder()), "han": request.param}
    nlp = blank(
        "zh",
        ("transformer", {"model": {"@architectures": "xinzhi.Encoder.v1", **encoder}}),
        ("xinzhi_ner", {"model": tagger(tok2vec=LISTENER)}),
        ("xinzhi_cats", {"model": classifier(**head)}),
        ("xinzhi_score", {"model": model("xinzhi.DocRegressor.v1", **head)}),
    )
    scored = cats_examples(nlp)
    for number, example in enumerate(scored):
        example.reference.user_data["scores"] = {"x": float(number)}
    optimizer = train(nlp, [*entity_examples(nlp), *scored], steps=150)
    return nlp, optimizer


def test_learned_saved_and_loaded(trained, tmp_path):
    nlp, _ = trained
    nlp.to_disk(tmp_path / "model")
    for pipeline in (nlp, spacy.load(tmp_path / "model")):
        for text, ents in ENTITIES["zh"]:
            assert ents_of(pipeline(text)) == ents
        for text, values in CATEGORIES["zh"]:
            assert pipeline(text)._.decisions["topic"] == values["topic"]
        scores = [pipeline(text)._.scores["x"] for text, _ in CATEGORIES["zh"]]
        assert scores == sorted(scores)
        assert scores == pytest.approx(list(range(len(scores))), abs=0.9)


@pytest.mark.parametrize("texts", [[""], ["", ""], ["", "杭", "\n\n"], ["杭州" * 3000, ""]])
def test_any_text(trained, texts):
    nlp, _ = trained
    docs = list(nlp.pipe(texts))
    assert [doc.text for doc in docs] == texts
    assert all(sum(doc._.heads["topic"].values()) == pytest.approx(1, abs=1e-6) for doc in docs)


def test_a_task_without_annotation_in_the_batch(trained):
    nlp, optimizer = trained
    batches = {
        "xinzhi_ner": cats_examples(nlp),
        "xinzhi_cats": entity_examples(nlp),
        "xinzhi_score": entity_examples(nlp),
    }
    for name, batch in batches.items():
        head, encoder = weights_of(nlp, name), weights_of(nlp, "transformer")
        nlp.update([*fresh(nlp, batch), annotated(nlp, "")], sgd=optimizer)
        assert same_weights(head, weights_of(nlp, name))
        assert not same_weights(encoder, weights_of(nlp, "transformer"))
    nlp.update([annotated(nlp, ""), annotated(nlp, "无")], sgd=optimizer)


def test_evaluation_of_a_docbin(trained, tmp_path):
    nlp, _ = trained
    bin_ = DocBin(docs=[eg.reference for eg in entity_examples(nlp)], store_user_data=True)
    bin_.to_disk(tmp_path / "dev.spacy")
    examples = list(spacy.training.Corpus(tmp_path / "dev.spacy")(nlp))
    assert nlp.evaluate(examples)["ents_f"] > 0.5
