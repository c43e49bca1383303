from __future__ import annotations

import json

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from xinzhi.components.cats_scorer import score_head
from xinzhi.errors import XinzhiError

from .helpers import (
    CATEGORIES,
    HEADS,
    annotated,
    blank,
    cats_examples,
    cats_of,
    classifier,
    fresh,
    same_weights,
    train,
    weights_of,
)

VARIANTS = {
    "mean": {"model": classifier()},
    "first": {"model": classifier(pooling="first", hidden_width=16)},
    "attention": {"model": classifier(pooling="attention")},
    "declared": {"model": classifier(), "heads": HEADS},
    "weighted": {"model": classifier(), "class_weights": "balanced"},
}


@pytest.fixture(scope="module")
def trained():
    nlp = blank("zh", ("xinzhi_cats", {"model": classifier()}))
    train(nlp, cats_examples(nlp))
    return nlp


def assert_same(nlp, other, texts):
    for doc, again in zip(nlp.pipe(texts), other.pipe(texts), strict=True):
        assert doc.cats == pytest.approx(again.cats, abs=1e-6)
        assert doc._.decisions == again._.decisions


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_overfit_save_load(lang, variant, tmp_path):
    nlp = blank(lang, ("xinzhi_cats", VARIANTS[variant]))
    train(nlp, cats_examples(nlp))
    texts = [text for text, _ in CATEGORIES[lang]]
    for doc, (_, want) in zip(nlp.pipe(texts), CATEGORIES[lang], strict=True):
        assert {head: "".join(value) for head, value in doc._.decisions.items()} == want
    nlp.to_disk(tmp_path / "model")
    assert_same(spacy.load(tmp_path / "model"), nlp, texts)
    again = spacy.blank(lang)
    again.add_pipe("xinzhi_cats", config=VARIANTS[variant])
    assert_same(again.from_bytes(nlp.to_bytes()), nlp, texts)


def test_heads_are_read_from_the_data(trained):
    data = trained.get_pipe("xinzhi_cats").label_data
    assert {name: head["exclusive"] for name, head in data.items()} == {
        name: head["exclusive"] for name, head in HEADS.items()
    }
    assert {name: set(head["labels"]) for name, head in data.items()} == {
        name: set(head["labels"]) for name, head in HEADS.items()
    }


def test_a_label_text_may_occur_in_two_heads(trained):
    doc = trained("公园里有花，地铁晚点。")
    assert doc._.heads["topic"]["其他"] != doc._.heads["mood"]["其他"]
    assert doc.cats["topic/其他"] == doc._.heads["topic"]["其他"]
    for head in ("topic", "mood"):
        assert sum(doc._.heads[head].values()) == pytest.approx(1, abs=1e-6)
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (again,) = DocBin().from_bytes(stored).get_docs(trained.vocab)
    assert again._.heads == doc._.heads
    assert dict(again._.decisions).keys() == doc._.decisions.keys()
    data = json.loads(json.dumps(doc.to_json(underscore=["heads", "decisions", "abstained"])))
    assert data["_"]["heads"] == doc._.heads
    assert data["_"]["abstained"] == {}


def test_other_keys_of_cats_are_left_alone(trained):
    doc = trained.make_doc("地铁又晚点了。")
    doc.cats["spam"] = 0.25
    assert trained.get_pipe("xinzhi_cats")(doc).cats["spam"] == 0.25


def test_scores_of_all_heads_side_by_side(trained):
    scores = trained.evaluate(cats_examples(trained))
    assert set(scores["cats_heads"]) == set(HEADS)
    for head in HEADS:
        assert scores[f"cats_{head}_acc"] == scores[f"cats_{head}_macro_f"] == 1.0
        assert scores[f"cats_{head}_auc"] == 1.0
        assert scores["cats_heads"][head]["n"] == 3
    assert scores["cats_score"] == 1.0


def test_only_annotated_documents_are_scored(trained):
    examples = cats_examples(trained)
    others = [annotated(trained, "无关的话。", cats={}), annotated(trained, "又一句。", cats={})]
    others.append(annotated(trained, "心情好", cats=cats_of({"mood": "坏"})))
    alone, mixed = (
        trained.evaluate(examples),
        trained.evaluate([*fresh(trained, examples), *others]),
    )
    assert mixed["cats_heads"]["topic"] == alone["cats_heads"]["topic"]
    assert mixed["cats_heads"]["mood"]["n"] == 4
    nothing = trained.evaluate([annotated(trained, "无关的话。", cats={})])
    assert nothing["cats_score"] is None
    assert nothing["cats_topic_acc"] is None


def test_score_table():
    rows = [
        ({"a": 1.0, "b": 0.0}, "a", {"a": 0.9, "b": 0.1}),
        ({"a": 1.0, "b": 0.0}, "b", {"a": 0.2, "b": 0.8}),
        ({"a": 0.0, "b": 1.0}, "b", {"a": 0.3, "b": 0.7}),
        ({"a": 0.0, "b": 0.0, "new": 1.0}, "b", {"a": 0.4, "b": 0.6}),
    ]
    scores = score_head(rows)
    assert scores["acc"] == 0.5
    assert scores["n"] == 4
    assert scores["per_label"]["a"] | {} == {
        "p": 1.0,
        "r": 0.5,
        "f": pytest.approx(2 / 3),
        "auc": 0.5,
        "support": 2,
    }
    assert scores["per_label"]["new"]["r"] == 0.0
    assert scores["macro_f"] == pytest.approx((2 / 3 + 0.5 + 0.0) / 3)


def test_two_instances_agree_on_the_scores():
    first = {"model": classifier(), "heads": {"topic": {}}}
    second = {"model": classifier(), "heads": {"mood": {}, "tags": {"labels": ["a", "b"]}}}
    nlp = blank("zh", ("xinzhi_cats", first))
    nlp.add_pipe("xinzhi_cats", name="more", config=second)
    train(nlp, cats_examples(nlp))
    scores = nlp.evaluate(cats_examples(nlp))
    assert set(scores["cats_heads"]) == set(HEADS)
    assert scores["cats_score"] == 1.0
    assert set(nlp("地铁又晚点了。")._.heads) == set(HEADS)


@pytest.mark.parametrize("text", ["", "杭", "\n", "🙂" * 50, "地铁" * 3000])
@pytest.mark.parametrize("pooling", ["mean", "first", "attention"])
def test_documents_of_any_length(text, pooling):
    nlp = blank("zh", ("xinzhi_cats", {"model": classifier(pooling=pooling)}))
    train(nlp, cats_examples(nlp), steps=2)
    alone, mixed = nlp(text), list(nlp.pipe(["", text, "公园里有花。"]))
    assert alone.cats == pytest.approx(mixed[1].cats, abs=1e-5)
    for head in ("topic", "mood"):
        assert sum(alone._.heads[head].values()) == pytest.approx(1, abs=1e-6)


def test_labels_and_heads_can_be_added_to_a_trained_pipeline(trained):
    nlp = spacy.blank("zh")
    nlp.add_pipe("xinzhi_cats", config={"model": classifier()})
    nlp.from_bytes(trained.to_bytes())
    cats = nlp.get_pipe("xinzhi_cats")
    text = "医生很耐心。"
    before = nlp(text).cats
    assert cats.add_label("topic/教育") == 1
    assert cats.add_label("topic/教育") == 0
    cats.add_head("urgent", ["yes", "no"])
    after = nlp(text).cats
    assert after["mood/好"] == pytest.approx(before["mood/好"])
    ratio = before["topic/医疗"] / before["topic/交通"]
    assert after["topic/医疗"] / after["topic/交通"] == pytest.approx(ratio, rel=1e-3)
    examples = cats_examples(nlp)
    gold = {"topic/教育": 1.0, "topic/医疗": 0.0, "urgent/yes": 1.0, "urgent/no": 0.0}
    examples.append(annotated(nlp, "学校开学。", cats=gold))
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(30):
        nlp.update(fresh(nlp, examples), sgd=optimizer)
    assert nlp("学校开学。")._.decisions["topic"] == "教育"
    assert nlp("学校开学。")._.decisions["urgent"] == "yes"
    assert nlp(text)._.decisions["topic"] == "医疗"
    again = spacy.blank("zh")
    again.add_pipe("xinzhi_cats", config={"model": classifier()})
    assert_same(again.from_bytes(nlp.to_bytes()), nlp, [text])
    with pytest.raises(XinzhiError, match="no head 'colour'"):
        cats.add_label("colour/red")
    with pytest.raises(XinzhiError, match="already"):
        cats.add_head("topic", ["x", "y"])


BAD_GOLD = {
    "above one": ({"topic/交通": 2.0, "topic/医疗": 0.0}, "2.0"),
    "negative": ({"topic/交通": -1.0}, "-1.0"),
    "not a number": ({"tags/a": float("nan")}, "nan"),
    "two gold labels": ({"topic/交通": 1.0, "topic/医疗": 1.0}, "2 gold labels"),
    "no gold label": ({"topic/交通": 0.0, "topic/医疗": 0.0}, "no gold label"),
    "unseen label": ({"topic/体育": 1.0}, "体育"),
    "unseen label of a multi-label head": ({"tags/z": 1.0}, "'z'"),
}


@pytest.mark.parametrize("case", BAD_GOLD)
def test_bad_gold_names_the_record(trained, case):
    cats, message = BAD_GOLD[case]
    example = annotated(trained, "地铁。", cats=cats, record="train:4711")
    before = weights_of(trained, "xinzhi_cats")
    with pytest.raises(XinzhiError, match="train:4711") as error:
        trained.update([example])
    assert message in str(error.value)
    assert same_weights(before, weights_of(trained, "xinzhi_cats"))


def test_unseen_label_in_dev_counts_as_an_error(trained):
    examples = [*cats_examples(trained), annotated(trained, "足球", cats={"topic/体育": 1.0})]
    scores = trained.evaluate(examples)
    assert scores["cats_topic_acc"] == 0.75
    assert scores["cats_heads"]["topic"]["per_label"]["体育"]["support"] == 1
    assert scores["cats_heads"]["topic"]["per_label"]["体育"]["r"] == 0.0


def test_soft_gold_is_a_distribution(trained):
    soft = annotated(trained, "地铁。", cats={"topic/交通": 0.7, "topic/医疗": 0.3})
    gold = trained.get_pipe("xinzhi_cats").read_gold([soft])
    assert sorted(gold["topic"].target[0].tolist()) == pytest.approx([0.0, 0.3, 0.7])


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        ({"topic": {"labels": ["a"], "exclusive": True}}, "exclusive but has only the label 'a'"),
        ({"topic": {"labels": ["a", "a"]}}, "twice"),
        ({"colour": {}}, "Head 'colour' has no labels"),
        ({"a/b": {"labels": ["x", "y"]}}, "cannot be the name"),
    ],
)
def test_bad_heads(heads, message):
    nlp = blank("zh", ("xinzhi_cats", {"model": classifier(), "heads": heads}))
    with pytest.raises(XinzhiError, match=message):
        nlp.initialize(lambda: cats_examples(nlp))


def test_a_head_with_one_label_is_a_yes_or_no_decision():
    nlp = blank("zh", ("xinzhi_cats", {"model": classifier()}))
    examples = [
        annotated(nlp, "垃圾广告", cats={"spam/yes": 1.0}),
        annotated(nlp, "你好朋友", cats={"spam/yes": 0.0}),
    ]
    train(nlp, examples)
    assert nlp.get_pipe("xinzhi_cats").label_data["spam"]["exclusive"] is False
    assert [doc._.decisions["spam"] for doc in nlp.pipe(["垃圾广告", "你好朋友"])] == [["yes"], []]


def test_no_categories_in_the_training_data():
    nlp = blank("zh", ("xinzhi_cats", {"model": classifier()}))
    examples = [annotated(nlp, "你好", cats={"POSITIVE": 1.0})]
    with pytest.raises(XinzhiError, match="'head/label'"):
        nlp.initialize(lambda: examples)


def test_abstention():
    config = {"model": classifier(), "abstain_below": 0.6, "abstain_margin": 0.3}
    nlp = blank("zh", ("xinzhi_cats", config))
    train(nlp, cats_examples(nlp))
    assert nlp("医生很耐心。")._.abstained == {}
    cats = nlp.get_pipe("xinzhi_cats")
    doc = nlp.make_doc("随便")
    probs = {
        "topic": np.array([[0.5, 0.3, 0.2]]),
        "mood": np.array([[0.62, 0.38, 0.0]]),
        "tags": np.array([[0.99, 0.45]]),
    }
    cats.set_annotations([doc], probs)
    assert {head: reason["reason"] for head, reason in doc._.abstained.items()} == {
        "topic": "threshold",
        "mood": "margin",
        "tags": "threshold",
    }
    assert doc._.abstained["topic"] == {"reason": "threshold", "value": 0.5, "limit": 0.6}
    cats.set_annotations([doc], {name: np.eye(len(p[0]))[:1] for name, p in probs.items()})
    assert doc._.abstained == {}


def test_class_weights_help_on_imbalanced_data():
    """95 to 5 per cent; a sign of the rare class is more often seen with the common one."""
    heads = {"k": {"labels": ["c", "r"], "exclusive": True}}

    def sample(seed):
        rng = np.random.default_rng(seed)
        for i in range(400):
            rare = i % 20 == 0
            sign = "鱼" if rng.random() < (0.8 if rare else 0.1) else "山"
            text = "".join([sign, *rng.choice(list("的了在是有和就不都一"), 4)])
            yield text, cats_of({"k": "r" if rare else "c"}, heads)

    macro = {}
    for weights in (None, "balanced", "auto"):
        nlp = blank("zh", ("xinzhi_cats", {"model": classifier(), "class_weights": weights}))
        train(nlp, [annotated(nlp, text, cats=cats) for text, cats in sample(0)], steps=25)
        scores = nlp.evaluate([annotated(nlp, text, cats=cats) for text, cats in sample(1)])
        macro[weights] = scores["cats_k_macro_f"]
        print(f"class_weights = {weights}: macro-F {macro[weights]:.3f}")
    assert macro["balanced"] > macro[None] + 0.05
    assert macro["auto"] >= macro[None]


def test_sourced_frozen_and_with_stock_textcat(trained, tmp_path):
    nlp = blank("zh", ("textcat", {}))
    nlp.add_pipe("xinzhi_cats", source=trained)
    examples = [annotated(nlp, t, cats={"A": float(i), "B": 1.0 - i}) for i, t in enumerate("好坏")]
    with nlp.select_pipes(disable="xinzhi_cats"):
        optimizer = nlp.initialize(lambda: examples)
    before = weights_of(nlp, "xinzhi_cats")
    nlp.update(fresh(nlp, examples), sgd=optimizer, exclude=["xinzhi_cats"])
    assert same_weights(before, weights_of(nlp, "xinzhi_cats"))
    nlp.to_disk(tmp_path / "both")
    doc = spacy.load(tmp_path / "both")("医生很耐心。")
    assert set(doc.cats) == {"A", "B", *trained.get_pipe("xinzhi_cats").labels}
    assert doc._.heads == trained("医生很耐心。")._.heads


def test_confidence_of_an_unseen_process(trained):
    doc = Doc(trained.vocab).from_bytes(trained("医生很耐心。").to_bytes())
    assert doc._.decisions["topic"] == "医疗"
