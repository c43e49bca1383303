"""`xinzhi split` and `xinzhi clean`: the wrappers."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from xinzhi.cli import app


def write(path: Path) -> Path:
    records = [{"text": f"第{n}个 ", "label": [[0, len(str(n)) + 3, "X"]]} for n in range(20)]
    path.write_text("".join(json.dumps(r) + "\n" for r in [*records, records[0]]), encoding="utf8")
    return path


def test_split(tmp_path):
    arguments = ["split", str(write(tmp_path / "all.jsonl")), str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*arguments, "--parts", "train=50,dev=50"])
    assert result.exit_code == 0, result.output
    assert "Groups kept together: 20" in result.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "train.jsonl",
        "dev.jsonl",
        "split_report.json",
    }
    assert CliRunner().invoke(app, [*arguments, "--parts", "train"]).exit_code == 1


def test_clean_and_undo(tmp_path):
    source = write(tmp_path / "all.jsonl")
    result = CliRunner().invoke(app, ["clean", str(source), str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "20 of 21 records kept" in result.output
    back = ["clean", str(tmp_path / "out"), str(tmp_path / "back"), "--undo"]
    result = CliRunner().invoke(app, back)
    assert result.exit_code == 0, result.output
    texts, originals = (
        [json.loads(line)["text"] for line in path.read_bytes().splitlines()]
        for path in (tmp_path / "back" / "all.jsonl", source)
    )
    assert texts == originals


def test_a_record_that_cannot_be_read_shows_in_the_exit_code(tmp_path):
    path = tmp_path / "all.jsonl"
    path.write_text('{"text": "a"}\n{\n{"text": "b"}\n', encoding="utf8")
    for command in ("clean", "split"):
        result = CliRunner().invoke(app, [command, str(path), str(tmp_path / command)])
        assert result.exit_code == 3, result.output
        assert "all.jsonl:2: malformed JSON" in result.output
