"""`xinzhi check`: the wrapper and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xinzhi.cli import app

CLEAN = "\n".join(
    f'{{"text": "去北京{number:02}", "label": [[1, 3, "地点"]]}}' for number in range(12)
)
REPEATED = f"{CLEAN}\n{CLEAN}"
BROKEN = '{"text": "去北京", "label": [[1, 9, "地点"]]}'


@pytest.mark.parametrize(
    ("content", "plain", "strict"), [(CLEAN, 0, 0), (REPEATED, 0, 1), (BROKEN, 1, 1)]
)
def test_exit_code(tmp_path: Path, content: str, plain: int, strict: int):
    path = tmp_path / "train.jsonl"
    path.write_text(content, encoding="utf8")
    assert CliRunner().invoke(app, ["check", str(path)]).exit_code == plain
    assert CliRunner().invoke(app, ["check", str(path), "--strict"]).exit_code == strict


def test_json_report(tmp_path):
    path, report = tmp_path / "train.jsonl", tmp_path / "metrics" / "report.json"
    path.write_text(BROKEN, encoding="utf8")
    result = CliRunner().invoke(app, ["check", str(path), "--json", str(report)])
    assert "outside the text of 3 characters" in result.output
    assert len(json.loads(report.read_text(encoding="utf8"))["problems"]) == 1


def test_json_report_that_cannot_be_written(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(CLEAN, encoding="utf8")
    result = CliRunner().invoke(app, ["check", str(path), "--json", str(path / "x")])
    assert result.exit_code == 1
    assert "cannot be written" in result.output
    assert "Traceback" not in result.output


def test_an_empty_file(tmp_path):
    path = tmp_path / "train.jsonl"
    path.touch()
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 1
    assert "Files that cannot be read: 1" in result.output
    assert "the file is empty" in result.output
    assert "Correct" not in result.output
