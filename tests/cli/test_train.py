"""The wrapper: spaCy's options, one message for an error."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from xinzhi.cli import app

from ..training.conftest import folder

__all__ = ["folder"]


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_overrides_and_last_line(folder: Path) -> None:
    code, output = run("train.cfg", "-o", "out", "--gpu-id", "-1", "--training.max_steps", "4")
    assert code == 0
    last = output.strip().splitlines()[-1]
    assert last.startswith(f"✔ {Path('out/model-best')}: score 1.0000 (cats_score 1.0000), 0 min")


def test_errors_are_one_message(folder: Path) -> None:
    code, output = run("none.cfg", "-o", "out")
    assert code == 1
    assert output.startswith("✘ Config file not found: none.cfg\n  ")
    assert output.count("\n") == 2


def test_unknown_option(folder: Path) -> None:
    code, output = run("train.cfg", "-o", "out", "--nope", "1")
    assert code == 1
    assert "--nope" in output
    assert "--training.max_steps 100" in output


def test_options(folder: Path) -> None:
    args = ["train.cfg", "-o", "out", "--repeats", "2", "--deterministic", "--run.patience", "9"]
    code, output = run(*args)
    assert code == 0
    assert output.count("SHA-256: ") == 2
    lines = output.strip().splitlines()
    assert lines[-2].startswith("cats_score: 1.0000 ± 0.0000 (from 1.0000")
    assert lines[-1].startswith(f"✔ {Path('out/model-best')}: score 1.0000")
    code, output = run("train.cfg", "-o", "out/repeat-1", "--resume")
    assert code == 1
    assert "✘ No unfinished training in" in output


def test_lint(folder: Path) -> None:
    code, output = run("train.cfg", "-o", "out", "--training.eval_frequency", "50")
    assert code == 1
    assert "✘ training.eval_frequency = 50 is beyond training.max_steps = 12" in output
    code, output = run("train.cfg", "-o", "out", "--training.eval_frequency", "50", "--ignore-lint")
    assert code == 0
    assert "⚠ training.eval_frequency" in output
