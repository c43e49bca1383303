from __future__ import annotations

import json

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin, Span

from xinzhi.components.score_scorer import measure
from xinzhi.components.score_values import check_bounds
from xinzhi.errors import XinzhiError

from .helpers import (
    annotated,
    blank,
    entity_examples,
    fresh,
    model,
    same_weights,
    tagger,
    train,
    weights_of,
)

TEXTS = {
    "zh": [("服务很差，等了很久。", 1.0), ("一般般吧。", 3.0), ("非常满意，点赞！", 5.0)],
    "en": [("Bad service, a long wait.", 1.0), ("So so.", 3.0), ("Very happy, well done!", 5.0)],
}
BOUNDS = {"satisfaction": {"low": 1.0, "high": 5.0}}


def regressor(**settings):
    return model("xinzhi.DocRegressor.v1", **settings)


def interaction(**settings):
    sets = {"resources": ["资源"], "technologies": ["技术"]}
    return model("xinzhi.InteractionRegressor.v1", **{**sets, **settings})


def score_examples(nlp):
    return [
        annotated(nlp, text, scores={"satisfaction": value, "twice": 2 * value})
        for text, value in TEXTS[nlp.lang]
    ]


VARIANTS = {
    "mse": {"model": regressor(dropout=0.0)},
    "huber": {"model": regressor(pooling="attention", hidden_width=16), "loss": "huber"},
    "ranking": {"model": regressor(dropout=0.0), "loss": "ranking"},
    "bounds": {"model": regressor(dropout=0.0), "scores": BOUNDS},
}


@pytest.fixture(scope="module")
def trained():
    nlp = blank("zh", ("xinzhi_score", {"model": regressor()}))
    train(nlp, score_examples(nlp))
    return nlp


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_overfit_save_load(lang, variant, tmp_path):
    nlp = blank(lang, ("xinzhi_score", VARIANTS[variant]))
    train(nlp, score_examples(nlp), steps=150)
    for text, value in TEXTS[lang]:
        assert nlp(text)._.scores["satisfaction"] == pytest.approx(value, abs=0.3)
    nlp.to_disk(tmp_path / "model")
    again = spacy.blank(lang)
    again.add_pipe("xinzhi_score", config=VARIANTS[variant])
    for other in (spacy.load(tmp_path / "model"), again.from_bytes(nlp.to_bytes())):
        for text, _ in TEXTS[lang]:
            assert other(text)._.scores == pytest.approx(nlp(text)._.scores, abs=1e-5)


def test_scores(trained):
    scores = trained.evaluate(score_examples(trained))
    assert set(scores["score_values"]) == {"satisfaction", "twice"}
    assert scores["score_spearman"] == pytest.approx(1.0)
    assert scores["score_satisfaction_mae"] < 0.5
    assert scores["score_satisfaction_r2"] > 0.8
    without = [annotated(trained, "没有评分", scores={}), annotated(trained, "也没有")]
    mixed = trained.evaluate([*score_examples(trained), *without])
    for name, values in scores["score_values"].items():
        assert mixed["score_values"][name] == pytest.approx(values, rel=1e-4)
    assert trained.evaluate(without)["score_spearman"] is None


@pytest.mark.parametrize(
    ("pairs", "want"),
    [
        ([], (None, None, None, None, 0)),
        ([(1, 1), (2, 2), (3, 3)], (0.0, 0.0, 1.0, 1.0, 3)),
        ([(1, 2), (2, 2), (3, 2)], (2 / 3, np.sqrt(2 / 3), 0.0, 0.0, 3)),
        ([(1, 3), (3, 1)], (2.0, 2.0, -1.0, -3.0, 2)),
        ([(2, 1)], (1.0, 1.0, None, None, 1)),
    ],
)
def test_measures(pairs, want):
    got = measure(np.array(pairs, dtype=float).reshape(-1, 2))
    assert tuple(got[key] for key in ("mae", "rmse", "spearman", "r2", "n")) == pytest.approx(want)


def test_a_synthetic_monotone_target_is_learned():
    """The score is the number of 好 minus the number of 坏, bent by a cube root."""
    nlp = blank("zh", ("xinzhi_score", {"model": regressor()}))
    rng = np.random.default_rng(0)

    def sample(n):
        for _ in range(n):
            text = "".join(rng.choice(list("好坏的了在是"), 12))
            yield annotated(nlp, text, scores={"x": np.cbrt(text.count("好") - text.count("坏"))})

    train(nlp, list(sample(200)), steps=40)
    scores = nlp.evaluate(list(sample(100)))
    assert scores["score_spearman"] >= 0.9


def test_bounds_are_kept(trained):
    nlp = blank("zh", ("xinzhi_score", {"model": regressor(), "scores": BOUNDS}))
    train(nlp, score_examples(nlp), steps=150)
    texts = ["点赞" * 50, "差" * 100, "", "服务很差很差很差"]
    for doc in nlp.pipe(texts):
        assert 1.0 <= doc._.scores["satisfaction"] <= 5.0


def test_scores_survive_serialisation(trained):
    doc = trained(TEXTS["zh"][0][0])
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (again,) = DocBin().from_bytes(stored).get_docs(trained.vocab)
    assert again._.scores == doc._.scores
    assert json.loads(json.dumps(doc.to_json(underscore=["scores"])))["_"]["scores"] == (
        doc._.scores
    )


@pytest.mark.parametrize("text", ["", "差", "\n", "好" * 5000])
def test_documents_of_any_length(trained, text):
    (doc,) = trained.pipe([text])
    mixed = list(trained.pipe(["", text, "好"]))
    assert mixed[1]._.scores == pytest.approx(doc._.scores, rel=1e-4)
    assert np.isfinite(list(doc._.scores.values())).all()


def test_a_batch_without_scores_changes_nothing(trained):
    nlp = blank("zh", ("xinzhi_score", {"model": regressor(l2=0.1)}))
    optimizer = train(nlp, score_examples(nlp), steps=3)
    before = weights_of(nlp, "xinzhi_score")
    nlp.update([annotated(nlp, "没有评分"), annotated(nlp, "")], sgd=optimizer)
    assert same_weights(before, weights_of(nlp, "xinzhi_score"))
    nlp.update([annotated(nlp, "只有一个", scores={"twice": 3.0})], sgd=optimizer)
    after = weights_of(nlp, "xinzhi_score")
    changed = {
        key.split(".", 1)[1] for key in before if before[key].tobytes() != after[key].tobytes()
    }
    assert "outputs.1.weight" in changed
    assert "outputs.0.weight" not in changed


def test_l2_shrinks_the_weights():
    sizes = []
    for l2 in (0.0, 1.0):
        nlp = blank("zh", ("xinzhi_score", {"model": regressor(l2=l2)}))
        train(nlp, score_examples(nlp), steps=60)
        weight = nlp.get_pipe("xinzhi_score").model.shims[0].module.outputs[0].weight
        sizes.append(float(weight.detach().norm()))
    assert sizes[1] < 0.7 * sizes[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "5", None])
def test_bad_gold_names_the_record(trained, value):
    example = annotated(trained, "很好", scores={"satisfaction": value}, record="train:9")
    with pytest.raises(XinzhiError, match="train:9"):
        trained.update([example])


def test_gold_out_of_bounds():
    nlp = blank("zh", ("xinzhi_score", {"model": regressor(), "scores": BOUNDS}))
    example = annotated(nlp, "很好", scores={"satisfaction": 7.0}, record="train:9")
    with pytest.raises(XinzhiError, match=r"train:9.*7\.0.*1\.0 to 5\.0"):
        nlp.initialize(lambda: [*score_examples(nlp), example])


@pytest.mark.parametrize(
    "bounds", [{"low": 1.0}, {"low": 2.0, "high": 1.0}, {"low": 0.0, "high": float("1e999")}]
)
def test_bad_bounds(bounds):
    with pytest.raises(XinzhiError, match="bounds"):
        check_bounds("x", bounds)


@pytest.mark.parametrize("architecture", ["regressor", "interaction"])
def test_a_score_can_be_added_to_a_trained_pipeline(architecture):
    made = regressor(dropout=0.0) if architecture == "regressor" else interaction(dropout=0.0)
    nlp = blank("zh", ("xinzhi_score", {"model": made}))
    examples = score_examples(nlp)
    for example in examples:
        reference = example.reference
        labels = ["资源", "技术"]
        reference.ents = [Span(reference, i, i + 1, label=name) for i, name in enumerate(labels)]
    train(nlp, examples)
    pipe = nlp.get_pipe("xinzhi_score")

    def predicted():
        return {name: column.tolist() for name, column in pipe.predict(docs).items()}

    docs = [eg.reference for eg in examples]
    before = predicted()
    assert pipe.add_label("新") == 1
    assert pipe.add_label("新") == 0
    pipe.add_score("速度", low=0.0, high=100.0)
    assert pipe.labels == ("satisfaction", "twice", "新", "速度")
    assert pipe.cfg["scores"]["速度"] == {"low": 0, "high": 100, "mean": 50, "deviation": 25}
    after = predicted()
    assert after["satisfaction"] == pytest.approx(before["satisfaction"])
    assert after["twice"] == pytest.approx(before["twice"])
    for value, example in enumerate(examples):
        example.reference.user_data["scores"] |= {"新": float(value), "速度": 40.0 * value}
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.01
    for _ in range(60):
        nlp.update(fresh(nlp, examples), sgd=optimizer)
    assert predicted()["新"] == pytest.approx([0.0, 1.0, 2.0], abs=0.4)
    assert predicted()["速度"] == pytest.approx([0.0, 40.0, 80.0], abs=10)
    again = spacy.blank("zh")
    again.add_pipe("xinzhi_score", config={"model": made})
    again.from_bytes(nlp.to_bytes())
    for name, column in again.get_pipe("xinzhi_score").predict(docs).items():
        assert column == pytest.approx(predicted()[name], abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "fact"),
    [
        ({"name": "satisfaction"}, "has a score 'satisfaction' already"),
        ({"name": ""}, "no name of a score"),
        ({"name": "x", "low": 1.0}, "has the bounds"),
        ({"name": "x", "low": 2.0, "high": 1.0}, "has the bounds"),
        ({"name": "x", "deviation": 0.0}, r"deviation = 0\.0"),
    ],
)
def test_a_score_that_cannot_be_added(trained, settings, fact):
    with pytest.raises(XinzhiError, match=fact):
        trained.get_pipe("xinzhi_score").add_score(**settings)
    assert trained.get_pipe("xinzhi_score").labels == ("satisfaction", "twice")


def test_no_scores_in_the_training_data():
    nlp = blank("zh", ("xinzhi_score", {"model": regressor()}))
    with pytest.raises(XinzhiError, match="no document of the training data has a score"):
        nlp.initialize(lambda: [annotated(nlp, "很好")])


# The productivity model f(R, T) = w · (R ∘ T) + b

PAIRS = [("甲", "子"), ("甲", "丑"), ("乙", "子"), ("乙", "丑")]
VALUES = {("甲", "子"): 1.0, ("甲", "丑"): -1.0, ("乙", "子"): -1.0, ("乙", "丑"): 1.0}


def pair_examples(nlp):
    """A value that neither the resource nor the technology decides alone."""
    examples = []
    for resource, technology in PAIRS:
        ents = [(1, 2, "资源"), (3, 4, "技术")]
        text = f"用{resource}加{technology}。"
        examples.append(annotated(nlp, text, ents=ents, scores={"y": VALUES[resource, technology]}))
    return examples


@pytest.fixture(scope="module")
def productivity():
    nlp = blank(
        "zh",
        ("xinzhi_ner", {"model": tagger()}),
        ("xinzhi_score", {"model": interaction(l2=1e-4)}),
    )
    without = [
        annotated(nlp, "只用甲。", ents=[(2, 3, "资源")], scores={"y": 4.0}),
        annotated(nlp, "什么也没有。", ents=[], scores={"y": 2.0}),
    ]
    train(nlp, [*pair_examples(nlp), *without], steps=150)
    return nlp


def test_interaction_is_learned(productivity, tmp_path):
    productivity.to_disk(tmp_path / "model")
    for nlp in (productivity, spacy.load(tmp_path / "model")):
        for example in pair_examples(nlp):
            want = example.reference.user_data["scores"]["y"]
            assert nlp(example.text)._.scores["y"] == pytest.approx(want, abs=0.5)


def test_documents_without_a_pair_get_the_mean_of_such_documents(productivity):
    values = [productivity(text)._.scores["y"] for text in ("只用甲。", "今天", "", "子")]
    assert values == pytest.approx([3.0] * 4, abs=0.4)
    assert len(set(values)) == 1


def test_without_such_documents_it_is_the_training_mean():
    nlp = blank("zh", ("xinzhi_score", {"model": interaction()}))
    examples = pair_examples(nlp)
    for i, example in enumerate(examples):
        example.reference.user_data["scores"] = {"y": float(i)}
    train(nlp, examples, steps=5)
    assert nlp("没有实体")._.scores["y"] == pytest.approx(1.5)


def test_the_formula():
    nlp = blank("zh", ("xinzhi_score", {"model": interaction()}))
    examples = pair_examples(nlp)
    train(nlp, examples, steps=2)
    doc = examples[1].reference
    pipe = nlp.get_pipe("xinzhi_score")
    (vectors,) = pipe.model.get_ref("tok2vec").predict([doc])
    output = pipe.model.shims[0].module.outputs[0]
    w, b = output.weight.detach().numpy()[0], float(output.bias.detach())
    scale = pipe.cfg["scores"]["y"]
    want = (w @ (vectors[1] * vectors[3]) + b) * scale["deviation"] + scale["mean"]
    assert pipe.predict([doc])["y"][0] == pytest.approx(want, rel=1e-4)


def test_gold_entities_are_used_only_where_none_are_set(productivity):
    examples = entity_examples(productivity)
    pipe = productivity.get_pipe("xinzhi_score")
    (doc, *_) = pipe.training_docs(examples)
    assert [ent.label_ for ent in doc.ents] == ["地点", "技术"]
    assert not examples[0].predicted.has_annotation("ENT_IOB")
    examples[0].predicted.ents = []
    assert pipe.training_docs(examples)[0] is examples[0].predicted
    assert len(fresh(productivity, examples)) == 3


@pytest.mark.parametrize("empty", ["resources", "technologies"])
def test_label_sets_must_not_be_empty(empty):
    with pytest.raises(XinzhiError, match=f"{empty} is empty"):
        blank("zh", ("xinzhi_score", {"model": interaction(**{empty: []})}))
