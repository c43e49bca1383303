"""Export: what is written, what is listed, and what a pipeline predicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.language import Language
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.components.ner import set_extensions
from xinzhi.corpora.export import export, fit, survey
from xinzhi.corpora.formats import WriteOptions, read_records
from xinzhi.corpora.predicted import predict_records
from xinzhi.corpora.record import Problem, Record
from xinzhi.errors import XinzhiError

LINES = [
    {
        "id": "a",
        "text": "青禾市🙂一网通办",
        "label": [[0, 3, "地点"], [4, 8, "服务"]],
        "cats": {"topic": "政务"},
    },
    {"id": "b", "text": "没有实体", "label": [], "cats": {"topic": "其他", "tone": ["calm"]}},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write(tmp_path / "corpus.jsonl", LINES)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline that finds two words and guesses a topic."""
    nlp = spacy.blank("zh")
    ruler = nlp.add_pipe("entity_ruler")
    patterns = [{"label": "地点", "pattern": "青禾市"}, {"label": "服务", "pattern": "一网通办"}]
    textcat = nlp.add_pipe("textcat_multilabel")
    for label in ("topic/政务", "topic/其他"):
        textcat.add_label(label)  # type: ignore[attr-defined]
    nlp.initialize()
    ruler.add_patterns(patterns)  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("pipeline")
    nlp.to_disk(folder)
    return folder


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf8"
    )
    return path


def test_what_the_format_cannot_say_is_counted(corpus: Path, tmp_path: Path) -> None:
    report = export([corpus], tmp_path / "out.conll", "conll")
    assert (report.records, report.written, report.complete) == (2, 2, True)
    assert dict(report.left_out) == {"heads": 2, "id": 2}
    saved = json.loads((tmp_path / "out.conll.report.json").read_text(encoding="utf8"))
    assert saved["left_out"] == {"heads": 2, "id": 2}
    assert not list(tmp_path.glob("tmp*"))


def test_nothing_left_out_is_no_report(corpus: Path, tmp_path: Path) -> None:
    report = export([corpus], tmp_path / "out.jsonl", "jsonl")
    assert report.left_out.total() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.jsonl", "out.jsonl"]
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf8").splitlines()
    assert [json.loads(line) for line in lines] == LINES


def test_bad_inputs_are_listed_and_the_rest_is_written(corpus: Path, tmp_path: Path) -> None:
    with corpus.open("a", encoding="utf8") as file:
        file.write('{"text": ""}\n{"id": "c", "text": "短", "label": [[0, 9, "X"]]}\n')
    report = export([corpus], tmp_path / "out.jsonl", "doccano")
    assert (report.records, report.written, report.complete) == (3, 3, False)
    assert [(p.line, p.fact) for p in report.problems] == [(3, "the text is empty")]
    assert report.left_out["entities that are empty or outside the text"] == 1
    with pytest.raises(XinzhiError, match=r"corpus\.jsonl:3: the text is empty"):
        export([corpus], tmp_path / "strict.jsonl", "doccano", strict=True)
    assert not (tmp_path / "strict.jsonl").exists()


@pytest.mark.parametrize("to", ["brat", "jsonl"])
def test_records_of_two_files_with_the_same_id(to: str, corpus: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", [{"id": "a", "text": "另一个", "label": []}])
    report = export([corpus, other], tmp_path / "out", to)
    assert (report.written, report.complete) == (3, True)
    assert report.left_out["ids that were used before; a number was added (ID~2)"] == 1
    records = [item for item in read_records(tmp_path / "out") if isinstance(item, Record)]
    assert {record.id: record.text for record in records}["a~2"] == "另一个"


def test_without_records_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match=r"nothing to export: .*none\.jsonl: no such file"):
        export([tmp_path / "none.jsonl"], tmp_path / "out", "brat")
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_can_hold_none_of_the_records(corpus: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "scores.jsonl", [{"text": "很好", "scores": {"x": 1.0}}])
    with pytest.raises(XinzhiError, match=r"No record can be written as fasttext: .*no label"):
        export([path], tmp_path / "out.txt", "fasttext")
    assert not (tmp_path / "out.txt").exists()


def test_overlaps_unknown_heads_and_existing_outputs(corpus: Path, tmp_path: Path) -> None:
    overlapping = {"text": "青禾市政府", "label": [[0, 3, "地点"], [0, 5, "组织"], [0, 5, "组织"]]}
    path = write(tmp_path / "two.jsonl", [overlapping])
    report = export([path], tmp_path / "out.conll", "conll")
    assert report.left_out["overlapping entities"] == 1
    (record,) = read_records(tmp_path / "out.conll")
    assert isinstance(record, Record)
    assert record.spans == [(0, 5, "组织")]
    with pytest.raises(XinzhiError, match=r"exists(.|\n)*--force"):
        export([path], tmp_path / "out.conll", "conll")
    with pytest.raises(XinzhiError, match="is one of the inputs"):
        export([path], path, "jsonl", force=True)
    with pytest.raises(XinzhiError, match=r"No record has the head 'topics'(.|\n)*topic, tone"):
        export([corpus], tmp_path / "x.txt", "fasttext", heads=["topics"])
    with pytest.raises(XinzhiError, match=r"one head(.|\n)*--only-head"):
        export([corpus], tmp_path / "x.txt", "fasttext")
    report = export([corpus], tmp_path / "x.txt", "fasttext", heads=["topic"])
    text = (tmp_path / "x.txt").read_text(encoding="utf8")
    assert text == "__label__政务 青禾市🙂一网通办\n__label__其他 没有实体\n"
    export([corpus], tmp_path / "brat", "brat")
    export([corpus], tmp_path / "brat", "brat", force=True)
    assert sorted(p.name for p in (tmp_path / "brat").iterdir()) == [
        *("a.ann", "a.txt"),
        *("b.ann", "b.txt"),
    ]


def test_soft_values_and_unannotated_entities() -> None:
    record = Record(1, "x", Path("x"), 1, cats={"a": {"p": 0.3, "q": 0.8}})
    annotated = Record(2, "y", Path("x"), 2, spans=[])
    options = survey([record, annotated], WriteOptions())
    fitting, left_out = fit(record, frozenset({"entities", "cats"}), options)
    assert fitting.cats == {"a": ["q"]}
    assert left_out == [
        "that the entities were not annotated",
        "values between 0 and 1 of labels",
    ]


def test_predictions_for_label_studio(corpus: Path, pipeline: Path, tmp_path: Path) -> None:
    report = export([corpus], tmp_path / "out.json", "label-studio", pipeline=pipeline)
    assert report.written == 2
    tasks = json.loads((tmp_path / "out.json").read_text(encoding="utf8"))
    assert "annotations" not in tasks[0]
    (prediction,) = tasks[0]["predictions"]
    assert prediction["model_version"].startswith("zh_pipeline")
    labels = [r["value"] for r in prediction["result"] if r["type"] == "labels"]
    assert [(v["text"], v["labels"]) for v in labels] == [
        ("青禾市", ["地点"]),
        ("一网通办", ["服务"]),
    ]
    choices = next(r for r in prediction["result"] if r["type"] == "choices")
    assert choices["from_name"] == "topic"
    config = (tmp_path / "out.xml").read_text(encoding="utf8")
    for label in ('Label value="地点"', 'Choice value="政务"', 'Choice value="其他"'):
        assert f"<{label}/>" in config  # all that the pipeline knows, predicted here or not
    (first, _) = read_records(tmp_path / "out.json")
    assert isinstance(first, Record)
    assert first.tasks == []  # predictions are no annotations


def test_predictions_for_prodigy_wait_for_an_answer(
    corpus: Path, pipeline: Path, tmp_path: Path
) -> None:
    path = tmp_path / "out.jsonl"
    export([corpus], path, "prodigy", pipeline=pipeline)
    tasks = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
    assert "answer" not in tasks[0]
    assert [span["label"] for span in tasks[0]["spans"]] == ["地点", "服务"]
    items = list(read_records(path))
    assert [item.kind for item in items if isinstance(item, Problem)] == ["skipped"] * 2
    corrected = write(path, [{**task, "answer": "accept"} for task in tasks])
    first, second = (item for item in read_records(corrected) if isinstance(item, Record))
    assert (first.id, first.spans) == ("a", [(0, 3, "地点"), (4, 8, "服务")])
    assert (second.id, second.spans) == ("b", [])


@pytest.mark.parametrize("to", ["doccano", "brat", "conll", "jsonl", "csv"])
def test_predictions_for_other_tools(to: str, corpus: Path, pipeline: Path, tmp_path: Path) -> None:
    report = export([corpus], tmp_path / "out", to, pipeline=pipeline)
    assert report.written == 2
    items = list(read_records(tmp_path / "out"))
    if to == "jsonl":  # says that nobody has reviewed them
        assert [item.kind for item in items if isinstance(item, Problem)] == ["skipped"] * 2
    else:
        assert len([item for item in items if isinstance(item, Record)]) == 2


def test_confidence_is_kept(tmp_path: Path) -> None:
    set_extensions()
    nlp = spacy.blank("zh")

    @Language.component("test_confident")
    def confident(doc: Any) -> Any:
        doc.set_ents([spacy.tokens.Span(doc, 0, 3, "地点")])
        for ent in doc.ents:
            ent._.confidence = 0.875
        return doc

    nlp.add_pipe("test_confident")
    record = Record(1, "青禾市好", Path("x"), 1)
    (predicted,) = predict_records([record], nlp)
    assert isinstance(predicted, Record)
    assert predicted.confidence == {(0, 3, "地点"): 0.875}


def test_command(corpus: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["export", str(corpus), *arguments])

    result = run(str(tmp_path / "out.conll"), "--to", "conll", "--scheme", "BMES")
    assert result.exit_code == 0, result.output
    assert "2 of 2 records written" in result.output
    assert "left out: heads (2 records)" in result.output
    assert "E-地点" in (tmp_path / "out.conll").read_text(encoding="utf8")
    result = run(str(tmp_path / "x.conll"), "--to", "conll", "--scheme", "BOI")
    assert result.exit_code == 1
    assert "no tag scheme 'BOI'" in result.output
    result = run(str(tmp_path / "x"), "--to", "iob")
    assert result.exit_code == 1
    assert "can only be read" in result.output
    with corpus.open("a", encoding="utf8") as file:
        file.write("{\n")
    result = run(str(tmp_path / "y.jsonl"), "--to", "jsonl")
    assert result.exit_code == 3
    assert "corpus.jsonl:3" in result.output
    assert (tmp_path / "y.jsonl").exists()
