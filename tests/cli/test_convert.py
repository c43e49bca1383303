"""`xinzhi convert`: the wrapper."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from xinzhi.cli import app


def test_convert_prints_counts_and_misaligned_spans(tmp_path):
    source = tmp_path / "数据 集" / "train.jsonl"
    source.parent.mkdir()
    line = {"id": "r1", "text": "去 北京", "label": [[1, 4, "地点"]], "extra": 1}
    source.write_text(json.dumps(line), encoding="utf8")
    result = CliRunner().invoke(app, ["convert", str(source), str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "train.spacy" in result.output
    assert "(record r1): span [1, 4, '地点'] does not fit" in result.output
    assert "'extra', records: 1" in result.output
    assert (tmp_path / "out" / "train.spacy").exists()


def test_convert_fails_with_one_message(tmp_path):
    source = tmp_path / "train.jsonl"
    source.write_text('{"id": 5}\n', encoding="utf8")
    result = CliRunner().invoke(app, ["convert", str(source), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "train.jsonl:1 (record 5): the text is missing" in result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)


def test_strict(tmp_path):
    source = tmp_path / "train.jsonl"
    source.write_text('{"text": "I like it", "label": [[0, 3, "A"]]}', encoding="utf8")
    arguments = ["convert", str(source), str(tmp_path / "out"), "--lang", "en", "--strict"]
    assert CliRunner().invoke(app, arguments).exit_code == 1
    assert CliRunner().invoke(app, arguments[:-1]).exit_code == 0


def test_another_encoding_is_named(tmp_path):
    source = tmp_path / "train.jsonl"
    source.write_bytes('{"text": "去北京开会", "label": [[1, 3, "地点"]]}\n'.encode("gb18030") * 3)
    result = CliRunner().invoke(app, ["convert", str(source), str(tmp_path / "corpus")])
    assert result.exit_code == 0
    assert "read as GB18030" in result.output
