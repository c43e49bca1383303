"""Learning curves from the run folder of a training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xinzhi.errors import XinzhiError
from xinzhi.evaluation.report.run_log import find_run, read_run
from xinzhi.evaluation.report.sections_data import training


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "训练" / "run"
    folder.mkdir(parents=True)
    lines = [{"event": "start", "pipeline": ["ner"]}]
    for step in (0, 100, 200):
        scores = {"ents_f": step / 400, "cats_topic_macro_f": 0.5, "ents_per_type/X/f": 0.1}
        if not step:
            del scores["ents_f"]
        lines.append(
            {
                "step": step,
                "score": step / 300,
                "scores": scores,
                "losses": {"ner": 2.0 / (step + 1), "frozen": 0.0},
                "learn_rate": 0.001,
            }
        )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "log.jsonl").write_text(text, encoding="utf8")
    (folder / "run.json").write_text('{"seed": 7, "best_step": 200}', encoding="utf8")
    return folder


def test_curves(run: Path) -> None:
    found = read_run(run)
    assert found["steps"] == [0, 100, 200]
    assert found["scores"] == {
        "score": [0.0, 1 / 3, 2 / 3],
        "ents_f": [None, 0.25, 0.5],
        "cats_topic_macro_f": [0.5, 0.5, 0.5],
    }
    assert found["losses"]["frozen"] == [0.0, 0.0, 0.0]
    assert found["facts"] == {"seed": 7, "best_step": 200}
    charts = training(found).blocks[0].charts  # type: ignore[union-attr]
    assert [chart.title.split()[0] for chart in charts] == ["Scores", "Losses", "Learning"]
    assert charts[0].svg.count("<polyline") == 3
    assert charts[1].svg.count("<polyline") == 1  # a loss of 0 has no logarithm


def test_found_beside_the_pipeline(run: Path) -> None:
    assert find_run(run.parent / "model-best") == run
    assert find_run(run.parent.parent / "elsewhere") is None
    assert find_run(None) is None


def test_a_broken_line_is_named(run: Path) -> None:
    with (run / "log.jsonl").open("a", encoding="utf8") as file:
        file.write('{"step": 3')
    with pytest.raises(XinzhiError, match=r"log\.jsonl:5 is not JSON"):
        read_run(run)


def test_a_run_without_evaluation(run: Path) -> None:
    (run / "log.jsonl").write_text('{"event": "start"}\n', encoding="utf8")
    (run / "run.json").unlink()
    found = read_run(run)
    assert found["steps"] == []
    assert training(found).blocks[0].kind == "text"
