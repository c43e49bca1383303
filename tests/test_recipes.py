"""docs/recipes.md: its commands and its plain scripts run as they stand there, on tiny data."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
from typer.testing import CliRunner

from xinzhi.cli import app

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf8")
SCRIPTS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [block.splitlines() for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)]
SENTENCES = [
    ("智慧城市在北京上线", (5, 7)),
    ("上海地铁真方便", (0, 2)),
    ("一网通办很好", None),
    ("城市大脑服务上海市民", (6, 8)),
]
ENGLISH = ["--nlp.lang", "en", "--nlp.tokenizer.@tokenizers", "spacy.Tokenizer.v1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files and configs that the page names."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for offset, name in enumerate(("train", "dev", "test")):
        lines, rows = [], []
        for number in range(20 if name == "train" else 4):
            text, span = SENTENCES[number % 4]
            text = f"{text}第{offset * 100 + number}天"
            for i, character in enumerate(text):
                inside = span is not None and span[0] <= i < span[1]
                tag = ("B-CITY" if i == span[0] else "I-CITY") if inside and span else "O"
                lines.append(f"{character} {tag}\n")
            lines.append("\n")
            rows.append((text, "positive" if number % 2 else "negative"))
        Path(f"{name}.txt").write_text("".join(lines), encoding="utf8")
        with Path(f"{name}.csv").open("w", encoding="utf8", newline="") as file:
            csv.writer(file).writerows([("review", "sentiment"), *rows])
    return tmp_path


def run(command: str, *more: str) -> None:
    name, *args = shlex.split(command)
    assert name == "xinzhi"
    result = CliRunner().invoke(app, [*args, *more])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("commands", COMMANDS, ids=["tokens", "texts"])
def test_commands(commands: list[str], folder: Path, tiny_encoder: Callable[..., Path]) -> None:
    convert, train, evaluate = commands
    run(convert)
    run(train, "--paths.encoder", str(tiny_encoder("wordpiece")))
    run(evaluate)
    output = folder / train.split()[-1]
    lines = (output / "run" / "log.jsonl").read_text(encoding="utf8").splitlines()
    steps = [row["step"] for row in map(json.loads, lines) if "step" in row]
    assert steps == [1, 3, 5, 7, 9]  # after each of five epochs
    assert spacy.load(output / "model-best")("上海")
    scores = json.loads(Path(evaluate.split()[-1]).read_text(encoding="utf8"))
    assert scores["counts"]["documents"] == 4
    assert scores["entities"] or scores["heads"]["sentiment"]


@pytest.mark.slow
def test_english(folder: Path, tiny_encoder: Callable[..., Path]) -> None:
    text = "The O\nnew O\nroad O\nin O\nBeijing B-CITY\nis O\nopen O\n\n"
    for number, name in enumerate(("train", "dev", "test")):
        Path(f"{name}.txt").write_text(text.replace("new", str(number)) * 20, encoding="utf8")
    convert, train, evaluate = COMMANDS[0]
    run(convert, "--lang", "en")
    run(train, "--paths.encoder", str(tiny_encoder()), "--training.max_epochs", "1", *ENGLISH)
    run(evaluate)
    assert " ".join(ENGLISH) in PAGE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "suffix", "expected"),
    [(SCRIPTS[0], "txt", "CITY"), (SCRIPTS[1], "csv", "positive")],
    ids=["tokens", "texts"],
)
def test_plain_scripts(
    script: str, suffix: str, expected: str, folder: Path, tiny_encoder: Callable[..., Path]
) -> None:
    Path("plain.py").write_text(script, encoding="utf8")
    files = [f"{name}.{suffix}" for name in ("train", "dev", "test")]
    encoder = str(tiny_encoder("wordpiece"))
    done = subprocess.run(
        [sys.executable, "plain.py", encoder, *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 5 dev" in done.stdout
    assert expected in done.stdout
