from __future__ import annotations

import json

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from xinzhi.errors import XinzhiError
from xinzhi.layers import bioes

from .helpers import (
    ENTITIES,
    annotated,
    blank,
    entity_examples,
    ents_of,
    fresh,
    same_weights,
    tagger,
    train,
    weights_of,
)

VARIANTS = {
    "crf": {"model": tagger()},
    "viterbi": {"model": tagger(decoder="viterbi")},
    "hidden": {"model": tagger(depth=2, hidden_width=32)},
    "focal": {"model": tagger(), "focal_gamma": 2.0},
    "weighted": {"model": tagger(decoder="viterbi"), "class_weights": "auto"},
    "smoothing": {"model": tagger(), "label_smoothing": 0.05, "class_weights": {"地点": 2.0}},
}


@pytest.fixture(scope="module")
def trained():
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger(), "alternatives": 2}))
    train(nlp, entity_examples(nlp))
    return nlp


def assert_same(nlp, other, texts):
    for doc, again in zip(nlp.pipe(texts), other.pipe(texts), strict=True):
        assert ents_of(doc) == ents_of(again)
        assert doc._.confidence == pytest.approx(again._.confidence, abs=1e-6)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_overfit_save_load(lang, variant, tmp_path):
    nlp = blank(lang, ("xinzhi_ner", VARIANTS[variant]))
    train(nlp, entity_examples(nlp), steps=60)
    texts = [text for text, _ in ENTITIES[lang]]
    docs = list(nlp.pipe(texts))
    assert [ents_of(doc) for doc in docs] == [ents for _, ents in ENTITIES[lang]]
    assert all(0.5 < value <= 1 for doc in docs for value in doc._.confidence)
    nlp.to_disk(tmp_path / "模型 1")
    assert_same(spacy.load(tmp_path / "模型 1"), nlp, texts)
    again = spacy.blank(lang)
    again.add_pipe("xinzhi_ner", config=VARIANTS[variant])
    assert_same(again.from_bytes(nlp.to_bytes()), nlp, texts)
    for file in (tmp_path / "模型 1").rglob("*"):
        assert b"torch._utils" not in (file.read_bytes() if file.is_file() else b"")


def test_scores_have_spacys_names(trained):
    scores = trained.evaluate(entity_examples(trained))
    assert scores["ents_f"] == scores["ents_p"] == scores["ents_r"] == 1.0
    assert set(scores["ents_per_type"]) == {"地点", "技术", "人物"}


def test_missing_annotation_is_not_scored(trained):
    examples = entity_examples(trained)
    with_missing = [*examples, annotated(trained, "居民李雷在上海看病。", ents=None)]
    assert trained.evaluate(with_missing)["ents_per_type"] == {
        label: {"p": 1.0, "r": 1.0, "f": 1.0} for label in ("地点", "技术", "人物")
    }
    nothing = [annotated(trained, "居民李雷在上海看病。", ents=None)]
    assert trained.evaluate(nothing)["ents_f"] is None


def test_confidence_survives_serialisation(trained):
    doc = trained(ENTITIES["zh"][0][0])
    want = [ent._.confidence for ent in doc.ents]
    assert len(want) == 2
    assert all(isinstance(value, float) for value in want)
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (from_bin,) = DocBin().from_bytes(stored).get_docs(trained.vocab)
    assert from_bin._.confidence == want
    from_bytes = Doc(trained.vocab).from_bytes(doc.to_bytes())
    assert [ent._.confidence for ent in from_bytes.ents] == want
    data = json.loads(json.dumps(doc.to_json(underscore=["confidence", "alternatives"])))
    assert data["_"]["confidence"] == want
    by_span = {(v["start"], v["end"]): v["value"] for v in data["underscore_span"]["confidence"]}
    assert [by_span[ent["start"], ent["end"]] for ent in data["ents"]] == want
    from_json = Doc(trained.vocab).from_json(data)
    assert [ent._.confidence for ent in from_json.ents] == want


def test_json_of_a_document_without_entities(trained):
    data = trained("今天没有新闻。").to_json(underscore=["confidence"])
    assert data["_"]["confidence"] == []


def test_alternatives(trained):
    doc = trained(ENTITIES["zh"][0][0])
    for ent in doc.ents:
        labels = [label for label, _ in ent._.alternatives]
        probs = [prob for _, prob in ent._.alternatives]
        assert sorted([*labels, ent.label_]) == sorted(trained.get_pipe("xinzhi_ner").labels)
        assert probs == sorted(probs, reverse=True)
        assert ent._.confidence + sum(probs) <= 1 + 1e-9


def test_a_second_run_keeps_the_entities_and_their_confidence(trained):
    doc = trained(ENTITIES["zh"][0][0])
    before = (ents_of(doc), list(doc._.confidence))
    ner = trained.get_pipe("xinzhi_ner")
    doc = ner(doc)
    assert (ents_of(doc), list(doc._.confidence)) == before
    doc.ents = []
    doc = ner(doc)
    assert (ents_of(doc), list(doc._.confidence)) == before
    doc.ents = doc.ents[:1]
    doc.user_data[("._.", "confidence", 4, 9)] = 0.5
    ner(doc)
    assert ("._.", "confidence", 4, 9) not in doc.user_data


@pytest.mark.parametrize("text", ["", "杭", "\n", " \r\n\t", "🙂" * 50, "杭州上海" * 2000])
def test_documents_of_any_length(trained, text):
    (doc,) = trained.pipe([text])
    assert doc.text == text
    assert ents_of(trained(text)) == ents_of(doc)
    assert all(0 <= value <= 1 for value in doc._.confidence)
    mixed = list(trained.pipe(["", text, ENTITIES["zh"][0][0]]))
    assert ents_of(mixed[1]) == ents_of(doc)
    assert ents_of(mixed[2]) == ENTITIES["zh"][0][1]


def test_entities_do_not_begin_or_end_with_white_space(trained):
    for doc in trained.pipe(["杭州\n上线 智慧停车\n\n", "\n 上海 \n"]):
        assert all(ent.text == ent.text.strip() for ent in doc.ents)


def test_preset_entities_and_blocked_tokens_are_kept(trained):
    text, gold = ENTITIES["zh"][0]
    ner = trained.get_pipe("xinzhi_ner")
    doc = trained.make_doc(text)
    doc.set_ents([Span(doc, 0, 4, label="别的")], default="missing")
    doc = ner(doc)
    assert ents_of(doc) == [(0, 4, "别的"), gold[1]]
    assert doc.ents[0]._.confidence is None
    doc = trained.make_doc(text)
    doc.set_ents([], blocked=[doc[4:5]], default="missing")
    doc = ner(doc)
    assert gold[0] in ents_of(doc)
    assert all(not start <= 4 < end for start, end, _ in ents_of(doc))
    assert doc[4].ent_iob == 3
    assert doc[4].ent_type == 0


def test_an_entity_may_cross_a_sentence_boundary():
    nlp = blank("zh", ("sentencizer", {"punct_chars": ["。"]}), ("xinzhi_ner", {"model": tagger()}))
    text, gold = "他在看《你好。再见》了。", [(4, 9, "书")]
    train(nlp, [annotated(nlp, text, ents=gold)], steps=60)
    doc = nlp(text)
    assert len(list(doc.sents)) > 1
    assert ents_of(doc) == gold


def test_threshold_drops_and_never_adds(trained):
    texts = ["上海上线智慧停车平台。", "李雷在杭州看病。", "居民上线。", "上海李雷智慧。"]
    ner = trained.get_pipe("xinzhi_ner")
    before = None
    for threshold in np.linspace(0, 1, 11):
        ner.threshold = float(threshold)
        found = {(i, *e) for i, doc in enumerate(trained.pipe(texts)) for e in ents_of(doc)}
        assert before is None or found <= before
        before = found
    ner.threshold = 0.0
    assert not before


def test_threshold_leaves_out_what_is_below():
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger(), "threshold": 0.9}))
    train(nlp, entity_examples(nlp))
    docs = list(nlp.pipe([text for text, _ in ENTITIES["zh"]]))
    assert all(value >= 0.9 for doc in docs for value in doc._.confidence)


def test_what_the_threshold_drops_is_noted(trained):
    text, gold = ENTITIES["zh"][0]
    ner = trained.get_pipe("xinzhi_ner")
    everything = trained(text)
    assert everything._.abstained == {}
    by_confidence = sorted(everything.ents, key=lambda ent: ent._.confidence)
    ner.threshold = (by_confidence[0]._.confidence + by_confidence[1]._.confidence) / 2
    try:
        doc = trained(text)
        ner.cfg["calibration"] = {"thresholds": dict.fromkeys(ner.labels, 1.0)}
        nothing = trained(text)
    finally:
        ner.threshold, limit = 0.0, ner.threshold
        ner.cfg["calibration"] = {}
    lost, left = by_confidence
    assert ents_of(doc) == [(left.start_char, left.end_char, left.label_)]
    found = {
        "start": lost.start_char,
        "end": lost.end_char,
        "label": lost.label_,
        "confidence": pytest.approx(lost._.confidence),
    }
    assert doc._.abstained == {
        "xinzhi_ner": {
            "reason": "threshold",
            "value": pytest.approx(lost._.confidence),
            "limit": limit,
            "entities": [found],
        }
    }
    assert ents_of(nothing) == []
    entries = nothing._.abstained["xinzhi_ner"]["entities"]
    assert [(e["start"], e["end"], e["label"]) for e in entries] == gold
    assert nothing._.abstained["xinzhi_ner"]["value"] == pytest.approx(left._.confidence)
    stored = json.loads(json.dumps(doc.to_json(underscore=["abstained"])))
    assert stored["_"]["abstained"]["xinzhi_ner"]["reason"] == "threshold"
    assert Doc(trained.vocab).from_bytes(doc.to_bytes())._.abstained == doc._.abstained
    assert ner(nothing)._.abstained == {}  # a second run, with the threshold at 0 again


def test_label_can_be_added_to_a_trained_pipeline(trained):
    nlp = spacy.blank("zh")
    nlp.add_pipe("xinzhi_ner", config={"model": tagger()})
    nlp.from_bytes(trained.to_bytes())
    ner = nlp.get_pipe("xinzhi_ner")
    texts = [text for text, _ in ENTITIES["zh"]]
    shim = ner.model.shims[0]
    old_bias = shim.module.output.bias.detach().clone()
    assert ner.add_label("时间") == 1
    assert ner.add_label("时间") == 0
    bias = shim.module.output.bias
    assert len(bias) == bioes.n_tags(4)
    for prefix in bioes.PREFIXES:
        new, old = bioes.tags_of(prefix, 4), bioes.tags_of(prefix, 3)
        assert torch.equal(bias[new][:3], old_bias[old])
    examples = [*entity_examples(nlp), annotated(nlp, "今天没有新闻。", ents=[(0, 2, "时间")])]
    del examples[2]
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(30):
        nlp.update(fresh(nlp, examples), sgd=optimizer)
    docs = list(nlp.pipe(texts))
    assert ents_of(docs[2]) == [(0, 2, "时间")]
    assert ents_of(docs[0]) == ENTITIES["zh"][0][1]
    again = spacy.blank("zh")
    again.add_pipe("xinzhi_ner", config={"model": tagger()})
    assert_same(again.from_bytes(nlp.to_bytes()), nlp, texts)


def test_sourced_and_frozen_use(trained, tmp_path):
    nlp = blank("zh", ("xinzhi_cats", {}))
    nlp.add_pipe("xinzhi_ner", source=trained, name="names")
    texts = [text for text, _ in ENTITIES["zh"]]
    examples = [
        annotated(nlp, text, cats={"a/x": float(i == 0), "a/y": float(i != 0)})
        for i, text in enumerate(texts)
    ]
    with nlp.select_pipes(disable="names"):
        optimizer = nlp.initialize(lambda: examples)
    before = weights_of(nlp, "names")
    for _ in range(3):
        nlp.update(fresh(nlp, examples), sgd=optimizer, exclude=["names"], annotates=["names"])
    assert same_weights(before, weights_of(nlp, "names"))
    nlp.to_disk(tmp_path / "both")
    assert_same(spacy.load(tmp_path / "both"), trained, texts)


def test_partly_annotated_documents_train():
    """Half the tokens of each document are missing; what is annotated is learned all the same."""
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}))
    examples = []
    for text, ents in ENTITIES["zh"]:
        example = annotated(nlp, text, ents=None)
        reference = example.reference
        spans = [reference.char_span(a, b, label=label) for a, b, label in ents[:1]]
        reference.set_ents(spans, outside=[reference[-1:]], default="missing")
        examples.append(example)
    train(nlp, examples, steps=60)
    found = [ents_of(doc) for doc in nlp.pipe([text for text, _ in ENTITIES["zh"]])]
    assert found[0][0] == (0, 2, "地点")
    assert (2, 4, "人物") in found[1]


def test_incorrect_spans_are_unlearned():
    text, ents = ENTITIES["zh"][0]
    config = {"model": tagger(), "incorrect_spans_key": "wrong"}
    nlp = blank("zh", ("xinzhi_ner", config))
    optimizer = train(nlp, entity_examples(nlp))
    assert ents_of(nlp(text)) == ents
    wrong = annotated(nlp, text, ents=None)
    reference = wrong.reference
    reference.spans["wrong"] = [reference.char_span(0, 2, label="地点")]
    for _ in range(20):
        nlp.update(fresh(nlp, [wrong]), sgd=optimizer)
    assert (0, 2, "地点") not in ents_of(nlp(text))


def test_misaligned_entities_are_missing():
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}))
    train(nlp, entity_examples(nlp), steps=1)
    ner = nlp.get_pipe("xinzhi_ner")
    reference = Doc(nlp.vocab, words=["杭州", "上线"], spaces=[False, False])
    reference.set_ents([Span(reference, 0, 1, label="地点")])
    one_token = Doc(nlp.vocab, words=["杭", "州上", "线"], spaces=[False] * 3)
    gold = ner.read_gold([Example(one_token, reference)])
    assert gold.tags.tolist() == [bioes.MISSING, bioes.MISSING, bioes.OUTSIDE]
    characters = Doc(nlp.vocab, words=list("杭州上线"), spaces=[False] * 4)
    gold = ner.read_gold([Example(characters, reference)])
    labels = ner.labels
    begin, end = (bioes.tags_of(p, 3).start + labels.index("地点") for p in "BE")
    assert gold.tags.tolist() == [begin, end, 0, 0]


def test_unknown_label_names_the_record(trained):
    bad = annotated(trained, "今天没有新闻。", ents=[(0, 2, "时间")], record="dev:17")
    with pytest.raises(XinzhiError, match=r"record dev:17.*今天.*时间"):
        trained.update([bad])


def test_no_entities_in_the_training_data():
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}))
    with pytest.raises(XinzhiError, match="no document of the training data has an entity"):
        nlp.initialize(lambda: [annotated(nlp, "今天", ents=[])])


@pytest.mark.parametrize(
    "setting",
    [
        {"threshold": 1.5},
        {"label_smoothing": -0.1},
        {"focal_gamma": -1.0},
        {"class_weights": "often"},
        {"class_weights": {"地点": 0.0}},
    ],
)
def test_settings_are_checked(setting):
    with pytest.raises(XinzhiError):
        blank("zh", ("xinzhi_ner", setting))


def test_use_before_initialisation():
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}))
    with pytest.raises(XinzhiError, match="before it has weights"):
        nlp("杭州")


def test_init_labels_round_trip(trained):
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}))
    data = trained.get_pipe("xinzhi_ner").label_data
    nlp.get_pipe("xinzhi_ner").initialize(lambda: entity_examples(nlp), labels=data)
    assert nlp.get_pipe("xinzhi_ner").labels == trained.get_pipe("xinzhi_ner").labels


def test_loss_does_not_depend_on_the_batch_size():
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger(dropout=0.0)}))
    examples = entity_examples(nlp)
    nlp.initialize(lambda: examples)
    ner = nlp.get_pipe("xinzhi_ner")
    one = ner.update(fresh(nlp, examples))["xinzhi_ner"]
    three = ner.update(fresh(nlp, examples * 3))["xinzhi_ner"]
    assert one == pytest.approx(three, rel=1e-4)


def test_mixed_with_stock_components():
    nlp = blank("en", ("xinzhi_ner", {"model": tagger()}), ("textcat", {}))
    examples = entity_examples(nlp)
    for i, example in enumerate(examples):
        example.reference.cats = {"A": float(i == 0), "B": float(i != 0)}
    train(nlp, examples, steps=10)
    doc = nlp(ENTITIES["en"][0][0])
    assert set(doc.cats) == {"A", "B"}
