"""The wrapper: tables, JSON, one message for an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from typer.testing import CliRunner

from xinzhi.cli import app


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    nlp = spacy.blank("zh")
    doc = nlp.make_doc("一网通办真好")
    doc.set_ents([doc.char_span(0, 4, label="X")])
    DocBin(docs=[doc]).to_disk("test.spacy")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "X", "pattern": "一网通办"}])  # type: ignore[attr-defined]
    nlp.to_disk("模型")
    return tmp_path


def test_tables_and_json(folder: Path) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", "模型", "test.spacy", "--output", "metrics/x/test.json"]
    )
    assert result.exit_code == 0, result.output
    assert "Tokens (BIO tags)" in result.output
    scores = json.loads(Path("metrics/x/test.json").read_text(encoding="utf8"))
    assert scores["entities"]["f1"] == 1.0


def test_errors_are_one_message(folder: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "模型", "none.spacy", "-o", "out.json"])
    assert result.exit_code == 1
    assert result.output.startswith("✘ Corpus not found: none.spacy")
    assert not Path("out.json").exists()
