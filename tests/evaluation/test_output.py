"""What people see of an evaluation."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from spacy.language import Language

from xinzhi.errors import XinzhiError
from xinzhi.evaluation.evaluate import evaluate
from xinzhi.evaluation.output import print_scores, write_scores

from .conftest import MakeDoc, SaveCorpus


def test_tables(ruler: Language, make_doc: MakeDoc, save_corpus: SaveCorpus) -> None:
    ruler.add_pipe("test_cats")
    cats = {"情感/positive": 1.0, "情感/negative": 0.0, "aspect/价格": 1.0, "topic/short": 0.0}
    corpus = save_corpus([make_doc("一网通办和医保码真好", [(0, 4, "X")], cats)])
    console = Console(file=io.StringIO(), width=100)
    print_scores(evaluate(ruler, corpus), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "│ X " in text
    assert "│ Y " in text
    assert "n/a" in text
    assert "0.6667" in text  # F1 over both labels
    assert "Head 情感" in text
    assert "Head aspect: not scored" in text
    assert "weighted without O" in text
    assert "1 documents, 10 characters" in text


def test_json_is_sorted_and_complete(tmp_path: Path) -> None:
    path = tmp_path / "新 folder" / "test.json"
    write_scores({"b": 1 / 3, "a": {"标签": None}}, path)
    text = path.read_text(encoding="utf8")
    assert json.loads(text) == {"a": {"标签": None}, "b": 1 / 3}
    assert text.index('"a"') < text.index('"b"')
    assert "标签" in text
    assert [file.name for file in path.parent.iterdir()] == ["test.json"]


def test_json_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(XinzhiError, match="cannot be written"):
        write_scores({}, tmp_path / "file" / "test.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(XinzhiError, match="cannot be written"):
        write_scores({}, tmp_path / "folder.json")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.json"]
