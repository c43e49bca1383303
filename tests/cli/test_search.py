"""The wrapper of `xinzhi search`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from xinzhi.cli import app

from ..training.conftest import made_project, project
from ..training.search.test_search import FakeTraining, config, training

__all__ = ["config", "made_project", "project", "training"]


def test_last_line(config: str, training: FakeTraining) -> None:
    options = ["-o", "out", "--trials", "3", "--repeats", "0", "--training.seed", "5"]
    result = CliRunner().invoke(app, ["search", config, *options])
    assert result.exit_code == 0, result.output
    lines = result.output.strip().splitlines()
    assert lines[-1].startswith(f"✔ {Path('out/best.cfg')}: score 0.")
    assert "(default 0.1)" in result.output
    assert lines[-1].endswith(str(Path("out/report.html")))


def test_errors_are_one_message(project: Path) -> None:
    result = CliRunner().invoke(app, ["search", "ours.cfg", "-o", "out"])
    assert result.exit_code == 1
    assert result.output.startswith("✘ The config has no search space.\n  Add a section")


@pytest.mark.parametrize("option", [["--workers", "0"], ["--trials", "0"]])
def test_bad_numbers(option: list[str], project: Path) -> None:
    assert CliRunner().invoke(app, ["search", "ours.cfg", "-o", "out", *option]).exit_code == 2
