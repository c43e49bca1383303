from __future__ import annotations

import json

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from tests.components.helpers import (
    ENTITIES,
    annotated,
    blank,
    cats_of,
    classifier,
    entity_examples,
    ents_of,
    fresh,
    tagger,
    train,
)
from xinzhi.cli import app
from xinzhi.components.cats_scorer import head_rows
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.calibration import (
    calibrate,
    calibrate_pipeline,
    reset,
    reset_pipeline,
)
from xinzhi.evaluation.calibration_options import METHODS, Options
from xinzhi.evaluation.confidence import (
    confidence_scores,
    entity_confidence,
    expected_calibration_error,
    head_confidence,
    judge_spans,
)
from xinzhi.evaluation.fitting import best_threshold, fit_platt, fit_temperature
from xinzhi.layers.probability import logit, rescale, sigmoid

LETTERS = "甲乙丙丁戊己庚辛"
MOODS = {"mood": {"labels": ["好", "坏"], "exclusive": True}}


def noisy_examples(nlp, n, seed):
    """The first letter is an entity; its kind is a coin tossed 3 to 1, and so is the mood."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        text = "".join(rng.choice(list(LETTERS), 6))
        usual = text[0] in LETTERS[:4]
        kind = "甲类" if (rng.random() < 0.75) == usual else "乙类"
        mood = "好" if (rng.random() < 0.75) == usual else "坏"
        yield annotated(nlp, text, ents=[(0, 1, kind)], cats=cats_of({"mood": mood}, MOODS))


@pytest.fixture(scope="module")
def overconfident():
    """A pipeline that has learned a noisy training set by heart."""
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}), ("xinzhi_cats", {"model": classifier()}))
    train(nlp, list(noisy_examples(nlp, 60, seed=0)), steps=60)
    return nlp


@pytest.fixture
def pipeline(overconfident):
    nlp = blank("zh", ("xinzhi_ner", {"model": tagger()}), ("xinzhi_cats", {"model": classifier()}))
    return nlp.from_bytes(overconfident.to_bytes())


def write(examples, path):
    DocBin(docs=[eg.reference for eg in examples], store_user_data=True).to_disk(path)
    return path


# The measures and the fits


def test_expected_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False, True, False])
    want = (4 * abs(0.95 - 0.75) + 2 * abs(0.55 - 0.5)) / 6
    assert expected_calibration_error(confidence, correct) == pytest.approx(want)
    assert expected_calibration_error(np.array([1.0]), np.array([True])) == 0.0
    assert expected_calibration_error(np.array([]), np.array([])) is None


def test_confidence_scores_of_one_kind_of_outcome():
    scores = confidence_scores(np.array([0.9, 0.8]), np.array([True, True]))
    assert scores["auc"] is None
    assert scores["accuracy"] == 1.0
    assert confidence_scores(np.array([]), np.array([]))["ece"] is None


@pytest.mark.parametrize(("scale", "bias"), [(0.4, -0.5), (1.0, 0.0), (2.0, 1.0)])
def test_platt_recovers_what_made_the_data(scale, bias):
    rng = np.random.default_rng(0)
    log_odds = rng.normal(0, 2, 20_000)
    correct = rng.random(20_000) < sigmoid(scale * log_odds + bias)
    assert fit_platt(log_odds, correct) == pytest.approx((scale, bias), abs=0.1)


@pytest.mark.parametrize(
    ("log_odds", "correct"),
    [([3.0], [True]), ([27.0] * 50, [True] * 50), ([5.0, 6.0], [False, False])],
)
def test_platt_of_few_or_one_sided_cases_stays_sane(log_odds, correct):
    scale, bias = fit_platt(np.array(log_odds), np.array(correct, dtype=bool))
    assert 0 < scale < 3
    assert abs(bias) < 5


def test_platt_never_reverses_the_order():
    log_odds = np.linspace(-3, 3, 200)
    scale, _ = fit_platt(log_odds, log_odds < 0)
    assert scale > 0


def test_temperature_is_found():
    assert fit_temperature(lambda t: (np.log(t) - np.log(3.0)) ** 2, 10**6) == pytest.approx(
        3.0, rel=1e-2
    )


@pytest.mark.parametrize(
    ("confidence", "correct", "n_gold", "want"),
    [
        ([0.9, 0.8, 0.2], [True, True, False], 2, 0.5),
        ([0.9, 0.8, 0.2], [True, True, True], 3, 0.0),
        ([0.9, 0.6, 0.6, 0.1], [True, False, True, False], 3, 0.35),
        ([0.9, 0.1], [False, False], 5, 0.5),
    ],
)
def test_best_threshold(confidence, correct, n_gold, want):
    got = best_threshold(np.array(confidence), np.array(correct), n_gold)
    assert got == pytest.approx(want)


def test_rescale_is_increasing():
    probs = np.linspace(0, 1, 101)
    assert (np.diff(rescale(probs, 0.3, -1.0)) >= 0).all()
    assert rescale(probs, 1.0, 0.0) is probs
    assert np.isfinite(logit(probs)).all()


def test_spans_are_judged_against_what_is_annotated():
    nlp = spacy.blank("zh")
    example = annotated(nlp, "居民李雷在上海看病", ents=[(2, 4, "人物")])
    example.reference.set_ents(
        [Span(example.reference, 2, 4, label="人物")], missing=[example.reference[5:7]]
    )
    spans = [(2, 4, "人物"), (2, 4, "地点"), (0, 2, "人物"), (5, 7, "地点")]
    assert judge_spans(example, spans) == [True, False, False, None]


# Pipelines


@pytest.mark.parametrize("method", METHODS)
def test_calibration_helps_on_new_data(pipeline, method):
    test = list(noisy_examples(pipeline, 300, seed=2))

    def scored():
        examples = fresh(pipeline, test)
        for example, doc in zip(
            examples, pipeline.pipe(eg.predicted for eg in examples), strict=True
        ):
            example.predicted = doc
        return entity_confidence(examples), head_confidence(head_rows(examples)["mood"]), examples

    entities, mood, before = scored()
    report = calibrate(
        pipeline, list(noisy_examples(pipeline, 300, seed=1)), Options(method=method)
    )
    entities_after, mood_after, after = scored()
    assert [ents_of(eg.predicted) for eg in before] == [ents_of(eg.predicted) for eg in after]
    decisions = [eg.predicted._.decisions for eg in before]
    assert decisions == [eg.predicted._.decisions for eg in after]
    assert entities["ece"] > 0.12
    assert mood["ece"] > 0.12
    assert entities_after["ece"] < entities["ece"] - 0.05
    assert mood_after["ece"] < mood["ece"] - 0.05
    assert report["xinzhi_ner"]["after"]["log_loss"] < report["xinzhi_ner"]["before"]["log_loss"]
    assert report["xinzhi_cats"]["mood"]["before"]["n"] == 300


def test_saved_visible_and_reversible(pipeline, tmp_path):
    text = "甲乙丙"
    plain = pipeline(text)
    pipeline.to_disk(tmp_path / "model")
    dev = write(noisy_examples(pipeline, 100, seed=1), tmp_path / "dev.spacy")
    calibrate_pipeline(tmp_path / "model", dev, options=Options(reject=0.05))
    loaded = spacy.load(tmp_path / "model")
    doc = loaded(text)
    assert doc.cats != pytest.approx(plain.cats, abs=1e-3)
    assert ents_of(doc) == ents_of(plain)
    meta = json.loads((tmp_path / "model" / "meta.json").read_text(encoding="utf8"))
    assert set(meta["calibration"]) == {"xinzhi_ner", "xinzhi_cats"}
    assert meta["calibration"]["xinzhi_cats"] == loaded.get_pipe("xinzhi_cats").cfg["calibration"]
    again = blank(
        "zh", ("xinzhi_ner", {"model": tagger()}), ("xinzhi_cats", {"model": classifier()})
    ).from_bytes(loaded.to_bytes())
    assert again(text).cats == pytest.approx(doc.cats)
    assert again(text)._.confidence == pytest.approx(doc._.confidence)
    assert reset_pipeline(tmp_path / "model") == ["xinzhi_ner", "xinzhi_cats"]
    back = spacy.load(tmp_path / "model")
    assert "calibration" not in back.meta
    assert back(text).cats == pytest.approx(plain.cats)
    assert back(text)._.confidence == pytest.approx(plain._.confidence)
    assert reset(back) == []


def test_rare_and_unseen_labels_do_not_break_the_fit(pipeline):
    dev = list(noisy_examples(pipeline, 30, seed=1))
    dev.append(annotated(pipeline, "甲乙", ents=[(0, 2, "从未见过")], cats={"mood/怪": 1.0}))
    dev.append(annotated(pipeline, "", ents=[], cats={}))
    dev.append(annotated(pipeline, "丙丁"))
    report = calibrate(pipeline, dev, Options(thresholds=True, reject=0.1))
    assert report["xinzhi_ner"]["before"]["n"] > 0
    assert report["xinzhi_cats"]["mood"]["before"]["n"] == 30
    assert "从未见过" not in report["xinzhi_ner"]["fitted"]["thresholds"]
    pipeline("甲乙丙丁")


def test_a_task_without_dev_annotation_stays_as_it_is(pipeline):
    only_entities = [
        annotated(pipeline, eg.reference.text, ents=ents_of(eg.reference))
        for eg in noisy_examples(pipeline, 30, seed=1)
    ]
    report = calibrate(pipeline, only_entities)
    assert report["xinzhi_cats"]["mood"] == {"fitted": {}, "before": None, "after": None}
    assert pipeline.get_pipe("xinzhi_ner").cfg["calibration"]


def test_rejection_share(pipeline):
    calibrate(pipeline, list(noisy_examples(pipeline, 200, seed=1)), Options(reject=0.1))
    texts = [eg.reference.text for eg in noisy_examples(pipeline, 200, seed=1)]
    rejected = [doc for doc in pipeline.pipe(texts) if "mood" in doc._.abstained]
    assert 0.02 < len(rejected) / 200 <= 0.1
    assert rejected[0]._.abstained["mood"]["reason"] == "threshold"


def test_thresholds_only_ever_drop(pipeline):
    texts = [eg.reference.text for eg in noisy_examples(pipeline, 50, seed=3)]
    ner = pipeline.get_pipe("xinzhi_ner")
    calibrate(pipeline, list(noisy_examples(pipeline, 50, seed=1)))
    counts = []
    for threshold in np.linspace(0, 1, 21):
        ner.cfg["calibration"]["thresholds"] = dict.fromkeys(ner.labels, float(threshold))
        counts.append(sum(len(doc.ents) for doc in pipeline.pipe(texts)))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 50


def test_thresholds_of_labels_that_are_not_exclusive():
    heads = {"tags": {"labels": ["a", "b"], "exclusive": False}}
    nlp = blank("zh", ("xinzhi_cats", {"model": classifier(), "heads": heads}))
    examples = []
    for i, letter in enumerate(LETTERS * 4):
        cats = {"tags/a": float(i % 8 < 4), "tags/b": float(i % 8 == 7)}
        examples.append(annotated(nlp, letter, cats=cats))
    train(nlp, examples, steps=5)
    report = calibrate(nlp, examples, Options(thresholds=True))
    assert set(report["xinzhi_cats"]["tags"]["fitted"]["thresholds"]) == {"a"}
    assert nlp.evaluate(fresh(nlp, examples))["cats_heads"]["tags"]["per_label"]["a"]["f"] == 1.0


def test_calibrating_again_replaces_the_first_fit(pipeline):
    dev = list(noisy_examples(pipeline, 60, seed=1))
    first = calibrate(pipeline, dev)
    second = calibrate(pipeline, dev)
    assert json.dumps(first) == json.dumps(second)


# Bad input and the command


@pytest.mark.parametrize(
    ("cats", "fact"),
    [
        ({"mood/好": 1.0, "mood/坏": 1.0}, "has 2 gold labels"),
        ({"mood/好": float("nan"), "mood/坏": 1.0}, "is nan"),
        ({"mood/好": 2.0}, r"is 2\.0"),
    ],
)
def test_bad_gold_names_the_record(pipeline, cats, fact):
    bad = annotated(pipeline, "甲乙", cats=cats, record="dev:5")
    with pytest.raises(XinzhiError, match=f"record dev:5: .*{fact}"):
        calibrate(pipeline, [*noisy_examples(pipeline, 4, seed=1), bad])


def test_nothing_to_calibrate():
    nlp = blank("en", ("sentencizer", {}))
    with pytest.raises(XinzhiError, match="no component that can be calibrated"):
        calibrate(nlp, [])


def test_nothing_to_calibrate_is_copied_on_to_another_folder(tmp_path):
    """A workflow goes on with it; in place, it is an error (above)."""
    nlp = blank("zh", ("sentencizer", {}))
    nlp.to_disk(tmp_path / "model")
    dev = write(noisy_examples(nlp, 4, seed=1), tmp_path / "dev.spacy")
    arguments = ["calibrate", str(tmp_path / "model"), str(dev), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "No component can be calibrated" in done.output
    assert spacy.load(tmp_path / "out").pipe_names == ["sentencizer"]
    assert "calibration" not in spacy.load(tmp_path / "out").meta


@pytest.mark.parametrize("bad", [{"method": "magic"}, {"reject": 1.0}, {"reject": -0.1}])
def test_bad_options(bad):
    with pytest.raises(XinzhiError):
        Options(**bad)


def test_command(pipeline, tmp_path):
    pipeline.to_disk(tmp_path / "model")
    dev = write(noisy_examples(pipeline, 40, seed=1), tmp_path / "dev.spacy")
    arguments = ["calibrate", str(tmp_path / "model"), str(dev), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*arguments, "--report", str(tmp_path / "report.json")])
    assert done.exit_code == 0, done.output
    assert "xinzhi_ner: ECE" in done.output
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf8"))
    assert report["xinzhi_cats"]["mood"]["fitted"]["temperature"] > 0
    assert "calibration" in spacy.load(tmp_path / "out").meta
    assert "calibration" not in spacy.load(tmp_path / "model").meta
    done = CliRunner().invoke(app, ["calibrate", str(tmp_path / "out"), "--reset"])
    assert done.exit_code == 0
    assert "calibration" not in spacy.load(tmp_path / "out").meta


@pytest.mark.parametrize(
    "arguments",
    [["nowhere", "dev.spacy"], ["{model}", "nowhere.spacy"], ["{model}"], ["en", "{dev}"]],
)
def test_command_with_bad_input(pipeline, tmp_path, arguments):
    pipeline.to_disk(tmp_path / "model")
    dev = write(noisy_examples(pipeline, 4, seed=1), tmp_path / "dev.spacy")
    before = {p: p.read_bytes() for p in (tmp_path / "model").rglob("*") if p.is_file()}
    filled = [a.format(model=tmp_path / "model", dev=dev) for a in arguments]
    done = CliRunner().invoke(app, ["calibrate", *filled])
    assert done.exit_code == 1
    assert "✘" in done.output
    assert not isinstance(done.exception, (ValueError, OSError, KeyError))
    assert before == {p: p.read_bytes() for p in (tmp_path / "model").rglob("*") if p.is_file()}


def test_a_folder_that_is_no_pipeline_is_not_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter 1").write_text("mine")
    with pytest.raises(XinzhiError, match="is not a pipeline"):
        calibrate_pipeline(tmp_path, tmp_path / "dev.spacy", output=tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter 1").read_text() == "mine"


def test_entities_without_confidence_are_not_scored():
    nlp = spacy.blank("zh")
    assert entity_confidence(entity_examples(nlp)) is None
    assert len(ENTITIES["zh"]) == 3
