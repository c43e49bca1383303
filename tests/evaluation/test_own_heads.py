"""`xinzhi evaluate` on our own components, and on corpora that carry one task only."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Corpus, Example

from tests.components.helpers import (
    CATEGORIES,
    ENTITIES,
    annotated,
    blank,
    cats_of,
    classifier,
    model,
    tagger,
    train,
)
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.confidence import confidence_scores
from xinzhi.evaluation.evaluate import evaluate
from xinzhi.evaluation.output import print_scores

TASKS = ("entities", "cats", "scores")


def examples_of(nlp: Language, *tasks: str) -> list[Example]:
    """Texts of both kinds with the annotation of some tasks; the others are missing."""
    found = []
    for number, ((first, ents), (second, values)) in enumerate(
        zip(ENTITIES["zh"], CATEGORIES["zh"], strict=True)
    ):
        found.append(
            annotated(
                nlp,
                first + second,
                ents=ents if "entities" in tasks else None,
                cats=cats_of(values) if "cats" in tasks else None,
                scores={"满意度": float(number)} if "scores" in tasks else None,
            )
        )
    return found


@pytest.fixture(scope="module")
def pipeline() -> Language:
    nlp = blank(
        "zh",
        ("xinzhi_ner", {"model": tagger()}),
        ("xinzhi_cats", {"model": classifier()}),
        ("xinzhi_score", {"model": model("xinzhi.DocRegressor.v1")}),
    )
    train(nlp, examples_of(nlp, *TASKS), steps=8)
    return nlp


def write(examples: list[Example], path: Path) -> Path:
    DocBin(docs=[eg.reference for eg in examples], store_user_data=True).to_disk(path)
    return path


def test_everything_equals_spacy_evaluate(pipeline: Language, tmp_path: Path) -> None:
    corpus = write(examples_of(pipeline, *TASKS), tmp_path / "test.spacy")
    ours = evaluate(pipeline, corpus)
    theirs = pipeline.evaluate(list(Corpus(corpus)(pipeline)))
    assert ours["entities"]["f1"] == theirs["ents_f"]
    for head, scores in ours["heads"].items():
        assert scores["accuracy"] == theirs[f"cats_{head}_acc"]
        assert scores["macro"]["f1"] == theirs[f"cats_{head}_macro_f"]
    for key in ("mae", "rmse", "spearman", "r2"):
        assert ours["scores"]["满意度"][key] == theirs[f"score_满意度_{key}"]
    assert ours["scores"]["满意度"]["baseline"]["mae"] == pytest.approx(2 / 3)
    json.dumps(ours, allow_nan=False)


def test_confidence_of_entities(pipeline: Language, tmp_path: Path) -> None:
    examples = examples_of(pipeline, *TASKS)
    found = evaluate(pipeline, write(examples, tmp_path / "test.spacy"))["entities"]["confidence"]
    confidence, correct = [], []
    for example in examples:
        gold = {(ent.start_char, ent.end_char, ent.label_) for ent in example.reference.ents}
        for ent in pipeline(example.reference.text).ents:
            confidence.append(ent._.confidence)
            correct.append((ent.start_char, ent.end_char, ent.label_) in gold)
    want = confidence_scores(np.array(confidence), np.array(correct))
    assert found["n"] == want["n"] > 0
    assert found["bins"] == 10
    assert found["ece"] == pytest.approx(want["ece"], abs=1e-5)
    assert found["auc"] == want["auc"]


@pytest.mark.parametrize("task", TASKS)
def test_a_corpus_of_one_task(pipeline: Language, tmp_path: Path, task: str) -> None:
    scores = evaluate(pipeline, write(examples_of(pipeline, task), tmp_path / "test.spacy"))
    assert (scores["entities"] is not None) == (task == "entities")
    assert set(scores["heads"]) == ({"topic", "mood", "tags"} if task == "cats" else set())
    assert set(scores["scores"]) == ({"满意度"} if task == "scores" else set())
    everything = evaluate(pipeline, write(examples_of(pipeline, *TASKS), tmp_path / "all.spacy"))
    key = "heads" if task == "cats" else task
    assert scores[key] == everything[key]


def test_tables(pipeline: Language, tmp_path: Path) -> None:
    corpus = write(examples_of(pipeline, *TASKS), tmp_path / "test.spacy")
    console = Console(file=io.StringIO(), width=100)
    print_scores(evaluate(pipeline, corpus), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("Confidence (ECE over 10 bins", "by chance", "Head mood", "Spearman", "满意度"):
        assert part in text
    assert "mean 1.0000" in text


def test_what_the_pipeline_does_not_predict(pipeline: Language, tmp_path: Path) -> None:
    examples = examples_of(pipeline, "cats", "scores")
    for example in examples:
        example.reference.user_data["scores"]["旧"] = 1.0
        example.reference.cats["老/a"] = 1.0
    corpus = write(examples, tmp_path / "test.spacy")
    scores = evaluate(pipeline, corpus)
    assert scores["scores"]["旧"] is scores["heads"]["老"] is None
    console = Console(file=io.StringIO(), width=100)
    print_scores(scores, console)
    assert "Head 老: not scored" in console.file.getvalue()  # type: ignore[attr-defined]
    alone = blank("zh", ("xinzhi_ner", {"model": tagger()}))
    train(alone, examples_of(alone, "entities"), steps=1)
    with pytest.raises(XinzhiError, match=r"predicts nothing of what .* carry.*topic.*满意度"):
        evaluate(alone, corpus)
