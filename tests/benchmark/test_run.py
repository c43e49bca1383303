"""The whole benchmark on tiny pipelines, its report and its picture."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from xinzhi.benchmark import output
from xinzhi.benchmark.measures import encoder, scaling
from xinzhi.benchmark.output import check_writable, write_results
from xinzhi.benchmark.phases import PHASES
from xinzhi.benchmark.plot import plot
from xinzhi.benchmark.ratios import RATIOS, complete, summarise
from xinzhi.benchmark.report import number, percent, spread, to_markdown
from xinzhi.benchmark.run import benchmark
from xinzhi.benchmark.settings import Paths, Settings
from xinzhi.cli import app
from xinzhi.errors import XinzhiError

from .conftest import TEXTS

NAMES = ("stock", "ours", "hf")


def texts_file(folder: Path) -> Path:
    path = folder / "texts.jsonl"
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in TEXTS * 4]
    path.write_text("\n".join(lines), encoding="utf8")
    return path


@pytest.mark.slow
def test_everything(
    paths: Paths, ours: Path, stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("LENGTHS", (20, 40)), ("PARTS", (1,)), ("ROUNDS", 1)):
        monkeypatch.setattr(scaling, name, value)
    for name, size in (("TEXTS", 4), ("PIECES", 12)):
        monkeypatch.setattr(encoder, name, size)
    settings = Settings(
        paths=replace(paths, hf=tmp_path / "hf"),
        documents={"短": (texts_file(tmp_path),)},
        rounds=1,
        train_documents=6,
        latency_documents=2,
        profile=True,
        scaling=True,
        stream=(10,),
    )
    results = benchmark(settings)
    check_results(results)
    files = write_results(results, tmp_path / "结果")
    assert [file.name for file in files] == ["benchmark.json", "benchmark.md", "benchmark.svg"]
    assert json.loads(files[0].read_text(encoding="utf8")) == json.loads(json.dumps(results))
    markdown = files[1].read_text(encoding="utf8")
    for text in ("## Prediction: 短", "## Training", "not trained", "`load_vs_stock`", "n/a"):
        assert (text in markdown) is (text != "n/a"), text


def check_results(results: dict[str, Any]) -> None:
    """Everything that was asked for is there, for everyone, and makes sense."""
    assert set(results["ratios"]) == set(RATIOS)
    assert all(value > 0 for value in results["ratios"].values())
    for name, ratio in results["ratios"].items():
        assert ratio == results["spreads"][name]["median"]
    predict, train, load = results["predict"]["短"], results["train"], results["load"]
    for measured in (predict, train, load, results["encoder"]):
        assert set(measured["contenders"]) == set(NAMES)
    assert predict["documents"] == 4 * len(TEXTS)
    for row in predict["contenders"].values():
        assert 0 <= row["padding_waste"] < 1
        assert row["latency_ms"]["p50"] <= row["latency_ms"]["p95"]
        assert row["latency_ms"]["documents"] == 2
        assert len(row["characters_per_second"]["values"]) == 1
    assert train["documents"] == 6
    for name in ("stock", "ours"):
        assert train["contenders"][name]["tried"].keys() == {"500", "2000", "4000"}
        assert train["contenders"][name]["batch_size"] == 500
        assert train["fastest"][name]["batch_size"] in {500, 2000, 4000}
    assert train["limit"]["flops"] > 0
    assert load["contenders"]["stock"]["size_mb"] > load["contenders"]["ours"]["size_mb"]
    assert results["scores"] == dict.fromkeys(NAMES)
    for profile in (results["profile_predict"], results["profile_train"]):
        for row in profile.values():
            assert tuple(row) == PHASES
            assert sum(phase["share"] for phase in row.values()) == pytest.approx(1)
    assert [point["characters"] for point in results["scaling"]["length"]] == [20, 40]
    assert [row["documents"] for row in results["stream"]["streams"]] == [10]


@pytest.fixture
def small() -> dict[str, Any]:
    """Results of training alone, made up."""
    row = {
        "characters_per_second": summarise([1234.5, 1000.0]),
        "documents_per_second": summarise([10.0]),
        "pieces_per_second": summarise([900.0]),
        "padding_waste": 0.125,
        "updates": 3,
        "batch_size": 500,
        "tried": {"500": 1.5},
    }
    spreads = {"train_vs_stock": summarise([2.0, 3.0, 2.5])}
    rate = {"gflops_per_second": summarise([1.0]), "characters_per_second": 9.0, "share": 0.5}
    return {
        "machine": {
            **{"cpu": "CPU", "cores": 2, "threads": 2, "flags": [], "memory_gib": None},
            **{"system": "x", "load": None, "date": "2026-01-31", "versions": {"spacy": "3.8"}},
        },
        "settings": {"rounds": 3},
        "train": {
            **{"documents": 5, "characters": 50, "ratios": spreads},
            "contenders": dict.fromkeys(NAMES, row),
            "fastest": {"ours": row | {"batch_size": 2000}},
            "limit": {"flops": 1.0, "fp32": rate},
        },
        "ratios": complete(spreads),
        "spreads": spreads,
        "definitions": RATIOS,
    }


def test_report_of_a_part(small: dict[str, Any]) -> None:
    markdown = to_markdown(small)
    assert "| `train_vs_stock` | 2.50 (2.00–3.00) |" in markdown
    assert "| `predict_vs_stock` | n/a |" in markdown
    assert "| xinzhi | 1,117 (1,000–1,234) | 10.0 | 900 | 12.5% | 3 | 500 (" in markdown
    assert "| xinzhi | 1,117 (1,000–1,234) | 2000 |" in markdown
    assert "matrix products alone, fp32 | 1.00 | 9.00 | 50.0% |" in markdown
    assert "## Prediction" not in markdown
    for block in markdown.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "n/a"), (0.123, "0.12"), (9.876, "9.88"), (12.34, "12.3"), (1234.6, "1,235")],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_spread_and_percent() -> None:
    assert spread(summarise([2.0])) == "2.00"
    assert spread(None) == percent(None) == "n/a"
    assert percent(0.256) == "25.6%"


def test_plot(small: dict[str, Any], tmp_path: Path) -> None:
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in paths:
        plot(small, path)
    assert sorted(tmp_path.iterdir()) == paths
    content = paths[0].read_text(encoding="utf8")
    assert "train_vs_stock" in content
    assert content == paths[1].read_text(encoding="utf8")


def test_without_matplotlib_there_is_no_plot(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "has_plots", lambda: False)
    assert [file.suffix for file in write_results(small, tmp_path / "a" / "b")] == [".json", ".md"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(XinzhiError, match="Cannot write to"):
        check_writable(tmp_path / "file" / "x")
    check_writable(tmp_path / "x")
    assert list((tmp_path / "x").iterdir()) == []


def test_command(small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []

    def fake(settings: Settings, *, show_progress: bool) -> dict[str, Any]:
        seen.append(settings)
        return small

    monkeypatch.setattr("xinzhi.benchmark.run.benchmark", fake)
    options = ["--only", "train", "--rounds", "3", "--threads", "2", "-o", str(tmp_path / "结果")]
    options += ["--documents", "a=b.jsonl", "--ours", "模型", "--profile", "--stream", "5,6"]
    result = CliRunner().invoke(app, ["benchmark", *options])
    assert result.exit_code == 0, result.output
    assert "train_vs_stock" in result.output
    assert (tmp_path / "结果" / "benchmark.json").is_file()
    expected = Settings(
        paths=Paths(ours=Path("模型")),
        documents={"a": (Path("b.jsonl"),)},
        **{"only": ("train",), "rounds": 3, "threads": 2, "profile": True, "stream": (5, 6)},  # type: ignore[arg-type]
    )
    assert seen == [expected]


def test_command_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["benchmark"])
    assert result.exit_code == 1
    assert "✘ Not there yet: " in result.output
    assert "python -m spacy project run stock" in result.output
