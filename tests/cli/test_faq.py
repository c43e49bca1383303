"""The wrappers of `xinzhi faq` and `xinzhi desk`, and their tutorials."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from xinzhi.cli import app

from ..apps.desk.test_desk import mood

ROOT = Path(__file__).parents[2]
LINES = {"faq.jsonl": 8, "queries.jsonl": 48, "out_of_scope.jsonl": 24}
assert callable(mood)  # registers a component


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(args))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_encoder: Callable[..., Path]
) -> Path:
    """A folder with the files that the tutorials name: fewer lines, a tiny encoder, a pipeline."""
    monkeypatch.chdir(tmp_path)
    for name, count in LINES.items():
        lines = (ROOT / "assets" / "faq" / name).read_text(encoding="utf8").splitlines(True)
        path = tmp_path / "assets" / "faq" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines[:count]), encoding="utf8")
    (tmp_path / "assets" / "desk").symlink_to(ROOT / "assets" / "desk")
    (tmp_path / "assets" / "encoders").mkdir()
    (tmp_path / "assets" / "encoders" / "e5-small").symlink_to(tiny_encoder())
    nlp = spacy.blank("zh")
    nlp.add_pipe("test_mood")
    (tmp_path / "training" / "smartcity").mkdir(parents=True)
    nlp.to_disk(tmp_path / "training" / "smartcity" / "model-calibrated")
    return tmp_path


@pytest.mark.parametrize("page", ["faq.md", "customer-service.md"])
def test_the_tutorials(page: str, folder: Path) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf8")
    blocks = re.findall(r"(?ms)<!-- tested -->\n```(\w+)\n(.*?)^```", text)
    assert {language for language, _ in blocks} == {"bash", "python"}
    for language, block in blocks:
        if language == "python":
            exec(compile(block, page, "exec"), {})
            continue
        for line in block.replace("\\\n", " ").splitlines():
            name, *words = shlex.split(line, comments=True)
            assert name == "xinzhi"
            code, output = run(*words)
            assert code == 0, output
    if page == "faq.md":
        scores = json.loads((folder / "metrics/faq/evaluation.json").read_text("utf8"))
        assert list(scores) == ["BM25", "embeddings", "fused", "ranker"]
    else:
        result = json.loads((folder / "metrics/desk/transcript.json").read_text("utf8"))
        assert result["scores"]["route"]["turns"] == 30


def test_build_tune_ask_add_remove(folder: Path) -> None:
    Path("tune.yml").write_text("epochs: 1\nbatch_size: 16\nfrozen_layers: 0\n", encoding="utf8")
    build = ["faq", "build", "assets/faq/faq.jsonl", "-o", "kb", "--encoder"]
    code, output = run(*build, "assets/encoders/e5-small", "--tune", "tune.yml")
    assert code == 0, output
    assert "loss" in output
    assert "kb: 8 entries, 0 queries learnt from" in output
    code, output = run("faq", "ask", "kb", "社保卡丢失了如何挂失和补办？", "", "--json", "-k", "2")
    first, second = map(json.loads, output.splitlines())
    assert first["answers"][0]["id"] == "社保-05"
    assert second["decision"] == "none"
    assert "社保-05" in run("faq", "ask", "kb", "社保卡丢失了如何挂失和补办？")[1]
    entry = {"id": "n", "question": "新的问题", "answer": "新的答案"}
    Path("new.jsonl").write_text(json.dumps(entry), encoding="utf8")
    assert "1 added: 9 entries" in run("faq", "add", "kb", "new.jsonl")[1]
    code, output = run("faq", "add", "kb", "new.jsonl")
    assert (code, "nothing was added" in output) == (1, True)
    assert "1 added: 9 entries" in run("faq", "add", "kb", "new.jsonl", "--replace")[1]
    assert "1 removed: 8 entries" in run("faq", "remove", "kb", "n")[1]
    code, output = run("faq", "remove", "kb", "n")
    assert (code, "nothing was removed" in output) == (1, True)


def test_bad_options(folder: Path) -> None:
    Path("bad.yml").write_text("epoch: 1", encoding="utf8")
    faq, encoder = "assets/faq/faq.jsonl", "assets/encoders/e5-small"
    for args, words in (
        (("faq", "build", "none.jsonl", "-o", "kb"), "none.jsonl cannot be read"),
        (("faq", "build", faq, "-o", "kb", "--tune", "bad.yml"), "'epoch' is no setting"),
        (("faq", "ask", "nowhere", "x"), "There is no index nowhere"),
        (("faq", "evaluate", faq, "--encoder", encoder), "cannot be split"),
        (("desk", "ask", "nowhere", "x", "--rules", "bad.yml"), "'epoch' is no setting"),
    ):
        code, output = run(*args)
        assert code == 1, args
        assert words in output, output
        assert "Traceback" not in output
    assert not Path("kb").exists()
