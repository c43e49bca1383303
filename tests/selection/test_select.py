"""From unlabelled texts to a file for annotators."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import CliRunner

from xinzhi.cli import app
from xinzhi.corpora.convert import convert
from xinzhi.errors import XinzhiError
from xinzhi.selection import select
from xinzhi.selection.strategies import STRATEGIES, Pool, choose
from xinzhi.selection.vectors import document_vectors

from ..small import MOODS, WORDS

SEEN = [f"{a}和{b}{MOODS['pos']}" for a in WORDS["SERVICE"] for b in WORDS["PLACE"]]
ODD = ["Shanghai Beijing 1.5 hours 潮汐车道柔性排产", "response time fell 井盖 AI AI 三成"]


def write_lines(path: Path, *texts: str) -> str:
    lines = (
        json.dumps({"id": f"n{i}", "text": t}, ensure_ascii=False) for i, t in enumerate(texts)
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf8")
    return str(path)


@pytest.fixture
def texts(tmp_path: Path) -> str:
    return write_lines(tmp_path / "新.jsonl", *SEEN, *ODD, SEEN[0], " ", ODD[1])


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


def test_what_the_pipeline_does_not_know_comes_first(
    made: Path, texts: str, tmp_path: Path
) -> None:
    result = select(made / "pipeline", [texts], tmp_path / "out.jsonl", 2, strategy="uncertainty")
    assert {row["id"] for row in result.chosen} == {"n9", "n10"}
    assert result.counts == {
        "read": 14,
        "empty": 1,
        "copies": 2,
        "annotated": 0,
        "pool": 11,
        "chosen": 2,
    }
    assert set(result.chosen[0]["tasks"]) == {"entities", "heads/mood"}
    assert result.chosen[0]["uncertainty"] >= result.chosen[1]["uncertainty"]
    rows = read_lines(tmp_path / "out.jsonl")
    assert [row["text"] for row in rows] == [
        [*SEEN, *ODD][int(row["id"][1:])] for row in result.chosen
    ]
    assert all("label" in row and "mood" in row["cats"] for row in rows)
    assert rows[0]["meta"]["file"] == texts
    report = json.loads((tmp_path / "out.jsonl.selection.json").read_text(encoding="utf8"))
    assert report["texts"] == result.chosen


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_chooses_each_text_once(
    made: Path, texts: str, tmp_path: Path, strategy: str
) -> None:
    done = write_lines(tmp_path / "done.jsonl", SEEN[1], SEEN[2])
    chosen = [
        select(
            made / "pipeline",
            [texts],
            tmp_path / f"{n}-{budget}.jsonl",
            budget,
            strategy=strategy,
            annotated=[done],
        )
        for n, budget in enumerate((5, 5, 100))
    ]
    ids = [[row["id"] for row in result.chosen] for result in chosen]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 5
    assert sorted(ids[2]) == sorted(f"n{i}" for i in range(11) if i not in (1, 2))
    assert chosen[2].counts["annotated"] == 2


@pytest.mark.parametrize("to", ["doccano", "label-studio"])
def test_the_command_writes_for_annotation_tools(
    made: Path, texts: str, tmp_path: Path, to: str
) -> None:
    output = tmp_path / f"{to}.json"
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"id": 1}\n', encoding="utf8")
    arguments = ["select", str(made / "pipeline"), texts, str(bad), "-o", str(output)]
    result = CliRunner().invoke(app, [*arguments, "-n", "3", "--to", to])
    assert result.exit_code == 3, result.output
    assert "bad.jsonl:1" in result.stderr
    text = output.read_text(encoding="utf8")
    rows = json.loads(text) if to == "label-studio" else read_lines(output)
    assert len(rows) == 3
    if to == "label-studio":
        accept(output, rows)
    assert_comes_back(output, spacy.load(made / "pipeline"), tmp_path / "back")
    again = CliRunner().invoke(app, [*arguments, "-n", "3", "--to", to])
    assert again.exit_code == 1
    assert "exists" in again.stderr


def accept(path: Path, tasks: list[dict[str, Any]]) -> None:
    """What Label Studio exports when an annotator has submitted the predictions as they are."""
    for task in tasks:
        (predicted,) = task.pop("predictions")
        task["annotations"] = [{"id": 1, "result": predicted["result"]}]
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf8")


def assert_comes_back(exported: Path, nlp: spacy.Language, folder: Path) -> None:
    """The export, converted, is annotated with what the pipeline predicts."""
    convert([exported], folder)
    gold = list(DocBin().from_disk(folder / f"{exported.stem}.spacy").get_docs(nlp.vocab))
    assert len(gold) == 3
    for doc, predicted in zip(gold, nlp.pipe(doc.text for doc in gold), strict=True):
        found, wanted = (
            {(e.start_char, e.end_char, e.label_) for e in each.ents} for each in (doc, predicted)
        )
        assert found == wanted
        assert max(doc.cats, key=doc.cats.__getitem__) == max(
            predicted.cats, key=predicted.cats.__getitem__
        )


def test_bad_input(made: Path, texts: str, tmp_path: Path) -> None:
    empty = write_lines(tmp_path / "empty.jsonl", " ")
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{", encoding="utf8")
    blank = spacy.blank("zh")
    blank.to_disk(tmp_path / "blank")
    pipeline, out = made / "pipeline", tmp_path / "out.jsonl"
    for arguments, settings, said in (
        ((pipeline, [texts], out, 0), {}, "budget is 0"),
        ((pipeline, [texts], out, 1), {"strategy": "best"}, "no strategy 'best'"),
        ((pipeline, [empty], out, 1), {}, "no text to choose from"),
        ((pipeline, ["nowhere"], out, 1), {}, "no file nowhere"),
        ((pipeline, [texts], out, 1), {"annotated": [str(bad)]}, "not JSON"),
        ((pipeline, [texts], out, 1), {"to": "pdf"}, "no format 'pdf'"),
        ((tmp_path / "none", [texts], out, 1), {}, "Cannot load the pipeline"),
        ((tmp_path / "blank", [texts], out, 1), {}, "says how sure"),
        ((tmp_path / "blank", [texts], out, 1), {"strategy": "diversity"}, "no shared encoder"),
    ):
        with pytest.raises(XinzhiError, match=said):
            select(*arguments, **settings)
        assert not out.exists()


def test_vectors(made: Path) -> None:
    nlp = spacy.load(made / "pipeline")
    docs = [nlp.make_doc(text) for text in (SEEN[0], "", ODD[0], SEEN[0])]
    rows = document_vectors(nlp, docs)
    assert rows.shape == (4, 32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0, 1, 1], atol=1e-5)
    np.testing.assert_allclose(rows[0], rows[3], atol=1e-5)
    assert docs[0]._.trf_data is None


def test_diversity_keeps_away_from_what_is_annotated() -> None:
    vectors = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0]])
    pool = Pool(vectors, done=np.array([[1.0, 0.1]]))
    assert choose("diversity", pool, 1) == [0]
