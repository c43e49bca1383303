"""What the report says: planted errors, slices, surfaces, the worst documents, the data card."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from xinzhi.components.cats_scorer import Row, head_table
from xinzhi.errors import XinzhiError
from xinzhi.evaluation.evaluate import evaluate
from xinzhi.evaluation.report.cases import HeadCases
from xinzhi.evaluation.report.heads import head_detail
from xinzhi.evaluation.report.slices import RELABELLED, SEEN, UNSEEN, by_quartile, by_value

from ..conftest import MakeDoc, SaveCorpus
from .conftest import Report

NA = {"precision": None, "recall": None, "f1": None, "support": 0}


def test_planted_errors_are_in_their_cells(report: Report) -> None:
    confusion = report["entities"]["confusion"]
    assert confusion["labels"] == ["X", "Y", "Z", "absent"]
    assert confusion["exact"] == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],  # one Y is taken for X
        [0, 0, 0, 0, 1],  # Z is missed
        [0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],  # a spurious Y
    ]
    assert [sum(row) for row in confusion["overlapping"]] == [0, 1, 0, 0, 0]  # 新医保码
    assert report["entities"]["errors"]["all"] == {
        "correct": 2,
        "boundary": 1,
        "type": 1,
        "boundary and type": 0,
        "missed": 1,
        "spurious": 1,
    }
    kinds = {
        (e["kind"], e["gold"], e["predicted"]): e for e in report["entities"]["frequent_errors"]
    }
    assert kinds["type", "Y", "X"]["examples"] == [["一网通办", "一网通办"]]
    assert kinds["boundary", "Y", "Y"]["examples"] == [["新医保码", "医保码"]]


def test_numbers_are_those_of_spacy(report: Report, pipeline: Language, corpus: Path) -> None:
    theirs = pipeline.evaluate(list(Corpus(corpus)(pipeline)))
    entities = report["entities"]
    for ours, key in (("precision", "ents_p"), ("recall", "ents_r"), ("f1", "ents_f")):
        assert entities[ours] == entities["micro"][ours] == pytest.approx(theirs[key])
    assert entities["schemas"]["strict"]["all"]["f1"] == pytest.approx(theirs["ents_f"])
    low, high = entities["intervals"]["f1"]
    assert low < entities["f1"] < high
    json.dumps(report, allow_nan=False)


def test_a_label_that_does_not_occur_has_no_score(report: Report) -> None:
    assert report["entities"]["labels"]["absent"] == NA
    assert set(report["entities"]["label_intervals"]["absent"].values()) == {None}
    assert report["entities"]["schemas"]["exact"]["labels"]["absent"]["f1"] is None


def test_heads(report: Report) -> None:
    head = report["heads"]["情感"]
    assert head["accuracy"] == pytest.approx(4 / 6)
    assert head["confusion"] == {
        "labels": ["negative", "positive"],
        "cells": [[2, 1, 0], [1, 2, 0]],
    }
    low, high = head["intervals"]["accuracy"]
    assert 0 <= low < 4 / 6 < high <= 1
    assert head["risk_coverage"]["coverage"] == pytest.approx([0.5, 1.0])
    assert head["abstained"] == {"n": 0, "accuracy": pytest.approx(4 / 6)}


def test_head_with_several_labels_or_no_decision() -> None:
    rows: list[Row] = [({"a": 1.0, "b": 1.0}, ["a"], {}), ({"a": 0.0}, ["a", "b"], {})]
    cases = HeadCases([0, 1], rows, head_table(rows))
    assert head_detail("x", cases, _examples(2))["confusion"] == {
        "labels": ["a", "b"],
        **{"tn": [0, 0], "fp": [1, 0], "fn": [0, 1], "tp": [1, 0]},
    }
    rows = [({"a": 1.0, "b": 0.0}, "", {}), ({"a": 0.0, "b": 1.0}, "b", {"b": 0.8})]
    cases = HeadCases([0, 1], rows, head_table(rows))
    assert head_detail("x", cases, _examples(2))["confusion"]["cells"] == [[0, 0, 1], [0, 1, 0]]


def _examples(count: int) -> list[Example]:
    nlp = spacy.blank("en")
    return [Example(nlp.make_doc("x"), nlp.make_doc("x")) for _ in range(count)]


def test_threshold_curve_of_entities(report: Report) -> None:
    curve = report["entities"]["threshold_curve"]
    assert curve["threshold"] == [0.6, 0.9]
    assert curve["precision"] == pytest.approx([2 / 5, 1 / 2])
    assert curve["recall"] == pytest.approx([2 / 5, 1 / 5])


def test_slices_are_scored_as_corpora_of_their_own(
    report: Report, pipeline: Language, docs: list[Doc], save_corpus: SaveCorpus
) -> None:
    assert set(report["slices"]) == {"length in characters", "genre", "age", "gold 情感"}
    for row in report["slices"]["genre"]:
        mine = [d for d in docs if d.user_data["record"]["meta"]["genre"] == row["name"]]
        alone = evaluate(pipeline, save_corpus(mine, f"{row['name']}.spacy"))
        for key in ("precision", "recall", "f1", "support"):
            assert row["entities"][key] == pytest.approx(alone["entities"][key])
        assert row["heads"]["情感"]["accuracy"] == alone["heads"]["情感"]["accuracy"]
        assert row["documents"] == 3


def test_slicing() -> None:
    assert by_value({0: "a", 1: "b", 2: "a", 3: "a", 4: "b", 5: "a"}) == {
        "a": [0, 2, 3, 5],
        "b": [1, 4],
    }
    assert by_value({0: "a", 1: "b", 2: "c"}) == {}  # tells documents apart, not groups
    assert by_value({n: n / 10 for n in range(8)}) == by_quartile({n: n / 10 for n in range(8)})
    assert by_quartile(dict.fromkeys(range(5), 7)) == {"7": [0, 1, 2, 3, 4]}
    assert list(by_quartile(dict(enumerate(range(1, 9))))) == ["1 to 3", "4 to 5", "6 to 7", "8"]
    many = by_value({n: f"label {n % 30}" for n in range(300)})
    assert len(many) == 21
    assert len(many["(all others)"]) == 100


def test_seen_and_unseen_surfaces(
    make_report: Callable[..., Report], corpus: Path, make_doc: MakeDoc, save_corpus: SaveCorpus
) -> None:
    train = save_corpus(
        [make_doc("一网通办", [(0, 4, "X")]), make_doc("医保码", [(0, 3, "Z")])], "t.spacy"
    )
    report = make_report(corpus, train=train)
    found = report["surfaces"]
    assert list(found) == [SEEN, RELABELLED, UNSEEN]
    assert found[SEEN]["precision"] == pytest.approx(1 / 2)  # X twice, once it should be Y
    assert found[RELABELLED]["support"] == 2  # 一网通办 as Y, 医保码 as Y
    assert found[UNSEEN] == {
        **{"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 2},
        "intervals": found[UNSEEN]["intervals"],
    }
    assert report["data"]["training"]["shared_texts"] == 0
    assert make_report(corpus, train=corpus)["data"]["training"]["shared_texts"] == 6


def test_the_worst_documents_come_first(report: Report) -> None:
    worst = report["worst"]
    assert len(worst) == 5  # one document is all right
    weights = [entry["weight"] for entry in worst]
    assert weights == sorted(weights, reverse=True)
    first = worst[0]
    assert first["name"] == "record 6 (test.jsonl:6)"
    assert first["weight"] == pytest.approx(0.6 + 0.9)  # a spurious Y, and the wrong sentiment
    assert first["heads"]["情感"] == {
        "gold": ["positive"],
        "predicted": ["negative"],
        "confidence": 0.9,
    }
    assert first["entities"] == [
        {
            **{"start": 1, "end": 4, "label": "Y", "side": "predicted"},
            **{"right": False, "confidence": 0.6},
        }
    ]


def test_data_card(report: Report, corpus: Path) -> None:
    card = report["data"]["corpus"]
    assert card["path"] == corpus.as_posix()
    assert (card["documents"], card["without_entities"], card["not_annotated"]) == (6, 2, 0)
    assert card["entities"] == {"X": 1, "Y": 3, "Z": 1}
    assert card["heads"]["情感"] == {"negative": 3, "positive": 3}
    assert card["metadata"]["genre"] == {"notice": 3, "social": 3}
    assert sum(card["lengths"].values()) == 6
    assert report["data"]["pipeline"]["components"]["entity_ruler"] == "entity_ruler"
    assert report["data"]["pipeline"]["megabytes"] is None


def test_values(report: Report) -> None:
    values = report["values"]["length"]
    assert len(values["pairs"]) == 6
    low, high = values["mae_interval"]
    assert low < report["scores"]["length"]["mae"] < high


def test_only_some_tasks(
    make_report: Callable[..., Report], make_doc: MakeDoc, save_corpus: SaveCorpus
) -> None:
    report = make_report(
        save_corpus([make_doc("好", None, {"情感/positive": 1.0, "aspect/x": 1.0})])
    )
    assert report["entities"] is None
    assert report["heads"]["aspect"] is None
    assert report["slices"] == {}
    assert report["worst"] == []


def test_a_wrong_corpus_or_run_is_said(
    make_report: Callable[..., Report], corpus: Path, tmp_path: Path
) -> None:
    with pytest.raises(XinzhiError, match=r"nowhere\.spacy"):
        make_report(corpus, train=tmp_path / "nowhere.spacy")
    with pytest.raises(XinzhiError, match=r"There is no log\.jsonl"):
        make_report(corpus, run=tmp_path)
