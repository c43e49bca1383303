"""The check before training, on JSON Lines and on DocBin files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from spacy.tokens import DocBin

from xinzhi.corpora.check import CheckReport, check
from xinzhi.corpora.convert import convert
from xinzhi.corpora.docbin import blank
from xinzhi.corpora.duplicates import find_conflicts
from xinzhi.corpora.record import Record
from xinzhi.corpora.show_check import show_check

NUMBERS = [str(n) for n in range(12)]


def printed(report: CheckReport) -> str:
    out = io.StringIO()
    show_check(report, Console(file=out, width=200))
    return out.getvalue()


@pytest.fixture
def corpus(write_jsonl) -> list[Path]:
    return [
        write_jsonl(
            "train.jsonl",
            {"id": 1, "text": "去北京", "label": [[1, 3, "地点"]], "cats": {"t": "a"}},
            {"id": 2, "text": "去 上海", "label": [[1, 4, "地点"]], "cats": {"t": "b"}},
            {"id": 3, "text": "无", "label": []},
            {"id": 4, "text": "未标注"},
        ),
        write_jsonl(
            "dev.jsonl",
            {"id": 1, "text": "去北京", "label": [], "cats": {"t": "a"}},
            {"id": 2, "text": "无", "label": []},
        ),
    ]


FILE_COUNTS = {
    "records": 4,
    "characters": 11,
    "entities": 2,
    "entities_annotated": 3,
    "without_entities": 1,
    "entity_labels": {"地点": 2},
    "head_labels": {"t": {"a": 1, "b": 1}},
    "ignored_fields": {},
    "relations": 0,
    "text_lengths": {"min": 1, "mean": 2.8, "median": 3, "p95": 4, "max": 4},
    "piece_lengths": None,
}


def findings(report: CheckReport) -> dict:
    """What a check says, apart from file names and lines."""
    result = report.to_dict()
    kept = set(FILE_COUNTS)
    return {
        "files": [{k: v for k, v in item.items() if k in kept} for item in result["files"]],
        "misaligned": [(m["record"], m["repr"], m["suggestion"]) for m in result["misaligned"]],
        "repeated": [
            (r["text"], [place["record"] for place in r["records"]], r["conflicts"])
            for r in result["repeated_texts"]
        ],
        "problems": result["problems"],
    }


def test_findings_are_the_same_before_and_after_conversion(corpus, tmp_path):
    before = check(corpus)
    convert(corpus, tmp_path / "out")
    after = check([tmp_path / "out" / "train.spacy", tmp_path / "out" / "dev.spacy"])
    assert findings(before) == findings(after)
    train, dev = findings(before)["files"]
    assert train == FILE_COUNTS
    assert dev["without_entities"] == 2
    assert findings(before)["misaligned"] == [(2, "'去⟦ 上海⟧'", (2, 4))]
    assert findings(before)["repeated"] == [("去北京", [1, 1], ["entities"]), ("无", [3, 2], [])]
    assert findings(before)["problems"] == []
    assert before.has_findings


def test_printed_report(corpus):
    text = printed(check(corpus))
    assert "Texts shared between files: 2" in text
    assert "annotated differently: entities" in text
    assert (
        "Entities that do not fit the tokens (conversion marks their tokens as missing): 1" in text
    )
    assert "'去⟦ 上海⟧'; use [2, 4]" in text
    assert "Head t" in text


def test_clean_corpus_has_no_findings(write_jsonl):
    lines = [{"text": f"{n}号去北京", "label": [[len(n) + 2, len(n) + 4, "地点"]]} for n in NUMBERS]
    train = write_jsonl("train.jsonl", *lines)
    report = check([train, train])
    assert not report.has_findings
    assert report.inventory.files[train].records == len(NUMBERS)  # a file named twice: read once
    assert "Nothing to correct" in printed(report)


def test_problems_are_those_of_convert(write_jsonl):
    train = write_jsonl("train.jsonl", "{", {"id": 2, "text": "x", "label": [[0, 1, "A"]]})
    dev = write_jsonl("dev.jsonl", {"id": 9, "text": "y", "label": [[0, 1, "B"]], "tags": []})
    report = check([train, dev, Path("nowhere.jsonl")])
    facts = "\n".join(map(str, report.problems))
    assert "train.jsonl:1: malformed JSON" in facts
    assert "nowhere.jsonl: no such file" in facts
    assert "dev.jsonl:1 (record 9): entity label 'B' never occurs in train" in facts
    assert len(report.problems) == 3
    text = printed(report)
    assert "Problems that stop a conversion: 2" in text
    assert "Files that cannot be read: 1" in text
    assert "→ Correct these records" in text
    assert "dev.jsonl: 'tags', records: 1" in text
    json.dumps(report.to_dict())


def test_inclusive_ends_are_recognised(write_jsonl):
    lines = [
        {"text": "I like London.", "label": [[7, 12, "G"]]},
        {"text": "Paris!", "label": [[0, 4, "G"]]},
    ]
    report = check([write_jsonl("train.jsonl", *lines)], lang="en")
    assert "2 of 2 would fit with end + 1: the ends look inclusive" in printed(report)


def test_docbin_of_somebody_else(tmp_path):
    nlp = blank("en")
    doc = nlp("Berlin calls")
    doc.ents = [doc.char_span(0, 6, label="GPE")]
    doc.cats = {"NEWS": 1.0, "SPORT": 0.0}
    DocBin(docs=[doc, nlp("plain")]).to_disk(tmp_path / "train.spacy")
    report = check([tmp_path / "train.spacy"], lang="en")
    [counts] = report.to_dict()["files"]
    assert counts["entity_labels"] == {"GPE": 1}
    assert counts["entities_annotated"] == 1
    assert counts["head_labels"] == {"cats": {"NEWS": 1}}
    assert not report.has_errors


def make(text="x", **annotation) -> Record:
    return Record(id=1, text=text, source=Path("a"), line=1, **annotation)


@pytest.mark.parametrize(
    ("one", "two", "conflicts"),
    [
        ({"spans": [(0, 1, "A")]}, {"spans": [(0, 1, "B")]}, ["entities"]),
        ({"spans": [(0, 1, "A")]}, {"spans": None}, []),
        ({"cats": {"t": "a"}}, {"cats": {"t": {"a": 1.0, "b": 0.0}}}, []),
        ({"cats": {"t": "a"}}, {"cats": {"t": "b", "u": "c"}}, ["head t"]),
        ({"scores": {"s": 1.0}}, {"scores": {"s": 0.5}}, ["score s"]),
    ],
)
def test_conflicts(one, two, conflicts):
    assert find_conflicts([make(**one), make(**two)]) == conflicts
