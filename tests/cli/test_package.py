"""The wrappers of package and verify: options, tables, one message for an error."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from xinzhi.cli import app


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(args))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("命令行 cli")
    nlp = spacy.blank("zh")
    nlp.add_pipe("sentencizer", config={"punct_chars": ["。"]})
    nlp.to_disk(folder / "model-best")
    code, output = run(
        "package", str(folder / "model-best"), str(folder), "--name", "rules", "--version", "1.0"
    )
    assert code == 0, output
    return folder, output


def test_package_prints_sizes_and_the_path(packaged: tuple[Path, str]) -> None:
    folder, output = packaged
    lines = output.strip().splitlines()
    assert lines[-1].startswith("✔ ")
    with zipfile.ZipFile(folder / "zh_rules-1.0-py3-none-any.whl") as archive:
        assert "zh_rules/zh_rules-1.0/sentencizer.json" in archive.namelist()
    assert "in the wheel MB" in output
    assert "vocab" in output


def test_package_errors_are_one_message(tmp_path: Path) -> None:
    code, output = run("package", str(tmp_path), str(tmp_path / "out"))
    assert code == 1
    assert output.startswith("✘ ")
    assert "is not a saved pipeline: it has no meta.json" in output.replace("\n", " ")
    assert "Traceback" not in output
    assert not (tmp_path / "out").exists()


def test_the_output_of_package_is_a_folder(packaged: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "wheel").touch()
    code, output = run("package", str(packaged[0] / "model-best"), str(tmp_path / "wheel"))
    assert code == 1
    assert "Name a folder for the wheel." in output


def test_verify_errors_are_one_message(tmp_path: Path) -> None:
    code, output = run("verify", str(tmp_path / "none.whl"))
    assert code == 1
    assert "✘ There is no wheel" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_verify_reports(packaged: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = packaged
    texts = tmp_path / "texts.txt"
    texts.write_text("一句。两句。\nOne sentence.\n", "utf8")
    report = tmp_path / "reports" / "verify.json"
    wheel = str(folder / "zh_rules-1.0-py3-none-any.whl")
    options = ("--texts", str(texts), "--pipeline", str(folder / "model-best"), "--offline")
    code, output = run("verify", wheel, *options, "--json", str(report))
    assert code == 0, output
    assert "✔ zh_rules works without xinzhi and without a network." in output
    data = json.loads(report.read_text("utf8"))
    assert data["documents"] == 2
    assert data["compared_with_training"] is True
    assert data["peak_memory_bytes"] > 0
