"""The project's own scripts, on made-up metrics and folders."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

ROOT = Path(__file__).parent.parent
SCORES: dict[str, Any] = {
    "entities": {
        "precision": 0.5,
        "recall": 0.25,
        "f1": 1 / 3,
        "support": 4,
        "confidence": {"ece": 0.0321, "bins": 10, "auc": 0.8765, "n": 2},
    },
    "heads": {
        "topic": {"exclusive": True, "accuracy": 0.9, "macro": {"f1": 0.8}},
        "sentiment": {"exclusive": True, "accuracy": 0.7, "macro": {"f1": 0.6}},
        "other": None,
    },
    "scores": {"满意度": {"mae": 0.4567}, "旧": None},
    "speed": {"characters_per_second": 1234.5},
    "counts": {"documents": 240},
    "run": {
        "pipeline": "zh_smartcity 0.1.0",
        "date": "2026-01-31",
        "hardware": {"device": "cpu", "machine": "x86_64", "cores": 2},
        "versions": {"python": "3.11", "spacy": "3.8", "torch": "2", "transformers": "4"},
    },
}


def script(name: str) -> dict[str, Any]:
    folder = ROOT / "scripts"
    with patch.object(sys, "path", [str(folder), *sys.path]):  # as `python scripts/NAME.py` has it
        return runpy.run_path(str(folder / f"{name}.py"))


def test_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metrics" / "mine").mkdir(parents=True)
    (tmp_path / "metrics" / "mine" / "test.json").write_text(json.dumps(SCORES))
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "zh_mine-2.0-py3-none-any.whl").write_bytes(b"0" * 3_000_000)
    variables = {"name": "mine", "lang": "zh", "version": "2.0"}
    script("summary")["print_summary"](tmp_path, variables, {"train": 60.4, "verify": 2})
    output = capsys.readouterr().out
    for text in (
        "0.3333",
        "0.0321",
        "10 bins, n = 2",
        "0.8765",
        "0.9000",
        "0.6000",
        "0.4567",
        "1234",
    ):
        assert text in output
    for text in ("train", "60", "62"):
        assert text in output
    assert output.endswith("Wheel (3 MB): packages/zh_mine-2.0-py3-none-any.whl\n")


def test_results_table() -> None:
    results = script("results_table")
    row = results["row"]("smartcity", SCORES, 118.2)
    assert row == [
        "`smartcity.cfg`",
        *("0.5000", "0.2500", "0.3333"),
        *("0.9000", "0.7000"),
        "118",
    ]
    for name in ("README.md", "README.zh.md"):
        readme = (ROOT / name).read_text(encoding="utf8")
        table = results["table"](results["TEXT"][name], [row], SCORES)
        assert "2026-01-31" in table
        assert len({line.count("|") for line in table.splitlines()[:3]}) == 1
        filled = results["fill"](readme, results["SECTION"], table)
        assert table in filled
        assert results["fill"](filled, results["SECTION"], table) == filled
        assert len(filled.splitlines()) > 50


def test_speed_table() -> None:
    speed = script("speed_table")
    results = {
        "definitions": ["train_vs_stock", "predict_vs_stock", "load_vs_stock"],
        "spreads": {
            "train_vs_stock": {"median": 3.456, "low": 3.0, "high": 4.0},
            "load_vs_stock": {"median": 2.0, "low": 1.5, "high": 2.5},
        },
        "settings": {"rounds": 7},
        "machine": {
            **{"date": "2026-01-31", "cpu": "CPU", "threads": 2},
            "versions": dict.fromkeys(["python", "spacy", "torch", "transformers"], "1.2.3"),
        },
    }
    for name, text in speed["MEANING"].items():
        readme = (ROOT / name).read_text(encoding="utf8")
        table = speed["table"](text, results)
        assert "| 3.46× (3.00–4.00) |" in table
        assert text["load_vs_stock"] in table
        assert text["predict_vs_stock"] not in table  # not measured
        assert "2026-01-31" in table
        filled = speed["fill"](readme, speed["SECTION"], table)
        assert table in filled
        assert speed["fill"](filled, speed["SECTION"], table) == filled


def test_clean_keeps_what_was_not_made(tmp_path: Path) -> None:
    kept = ["corpus/README.md", "packages/README.md", "assets/a/train.jsonl", "项目.yml"]
    kept += ["assets/encoders/hfl/by-hand/config.json"]
    made = ["corpus/a/train.spacy", "packages/a.whl", "training/a/x", "project.lock"]
    made += ["assets/encoders/hfl/fetched/SOURCE.json"]
    environment = [".venv/x", "a.egg-info/x"]
    for name in kept + made + environment:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    clean = script("clean")["clean"]
    removed = ["corpus/a", "training", "packages/a.whl", "project.lock"]
    assert clean(tmp_path) == [*removed, "assets/encoders/hfl/fetched"]
    assert [name for name in kept + environment if not (tmp_path / name).exists()] == []
    assert clean(tmp_path, environment=True) == [".venv", "a.egg-info"]
    assert [name for name in kept if not (tmp_path / name).exists()] == []


def test_the_conversion_benchmark_shows_the_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    times = {"xinzhi convert": [2.0, 1.0, 1.0], "spacy convert": [3.0, 3.0, 1.5]}
    script("bench_convert")["show"](times, documents=600, memory=2048, shards=1)
    shown = capsys.readouterr().out
    assert "600" in shown.split("xinzhi convert")[1].splitlines()[0]
    assert "xinzhi convert: 1.50 times as fast as spacy convert" in shown
    assert "2 MB" in shown
