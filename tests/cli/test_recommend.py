"""The wrappers of `xinzhi recommend`, and the tutorial."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xinzhi.cli import app

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "assets" / "recommend"


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["recommend", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_bad_options(tmp_path: Path) -> None:
    items, events = str(SAMPLE / "items.jsonl"), str(SAMPLE / "events.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"user": 1, "item": 77, "time": 0}', encoding="utf8")
    for args, words in (
        (("rank", str(tmp_path), "--user", "a"), "is no recommender"),
        (("rank", str(tmp_path)), "For whom?"),
        (("rank", str(tmp_path), "--user", "a", "--liked", "1"), "For whom?"),
        (("rank", str(tmp_path), "--user", "a", "--text", "b"), "For whom?"),
        (("train", "none.jsonl", events, "-o", "x"), "none.jsonl cannot be read"),
        (("train", items, str(tmp_path / "bad.jsonl"), "-o", "x"), "there is no item '77'"),
        (("train", items, events, "-o", "x", "--encoder", str(tmp_path)), "encoder"),
    ):
        code, output = run(*args)
        assert code == 1
        assert words in output, output
        assert "Traceback" not in output


@pytest.mark.slow
def test_the_tutorial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_encoder: Callable[..., Path]
) -> None:
    pytest.importorskip("implicit", reason="needs the extra 'recommend'")
    text = (ROOT / "docs" / "recommend.md").read_text(encoding="utf8")
    monkeypatch.chdir(tmp_path)
    Path("assets").symlink_to(ROOT / "assets", target_is_directory=True)
    blocks = re.findall(r"(?ms)<!-- tested -->\n```(\w+)\n(.*?)^```", text)
    assert [language for language, _ in blocks] == ["bash", "python"]
    encoder = str(tiny_encoder())
    quick = ["--encoder", encoder, "--steps", "30"]
    outputs = []
    for line in blocks[0][1].replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        assert words[:2] == ["xinzhi", "recommend"]
        code, output = run(*words[2:], *(quick if words[2] != "rank" else []))
        assert code == 0, output
        outputs.append(output)
    assert len(outputs[1].splitlines()) == 3
    assert outputs[2].splitlines()[0].endswith(")")
    exec(compile(blocks[1][1].replace("e5-small", encoder), "docs/recommend.md", "exec"), {})
    assert Path("training/courses/about.json").is_file()
    result = json.loads(Path("metrics/recommend.json").read_text(encoding="utf8"))
    means = {name: row["ndcg@10"]["mean"] for name, row in result["all"]["methods"].items()}
    assert means["hybrid"] > means["popularity"]
