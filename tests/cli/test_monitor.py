"""The wrappers of `xinzhi monitor`, and the tutorial."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from xinzhi.apps.monitor.database import open_database
from xinzhi.cli import app

pytest.importorskip("duckdb", reason="needs the extra 'monitor'")
ROOT = Path(__file__).parents[2]
OPINION = ROOT / "assets" / "opinion"


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["monitor", *args])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_bad_options(tmp_path: Path) -> None:
    database, new = str(tmp_path / "d.duckdb"), str(tmp_path / "new.duckdb")
    with open_database(Path(database), create=True):
        pass
    for args, words in (
        (("ingest", new, "nowhere.jsonl"), "no file nowhere.jsonl"),
        (("ingest", database, "x.jsonl", "--field", "zeit=time"), "--field zeit"),
        (("ingest", database, "x.jsonl", "--assume-zone", "Mond"), "no time zone 'Mond'"),
        (("alarms", str(tmp_path / "none.duckdb")), "There is no database"),
        (("alarms", database, "--min-volume", "0"), "min_volume = 0"),
        (("alarms", database, "--webhook", "nowhere"), "no address of a webhook"),
    ):
        code, output = run(*args)
        assert code == 1
        assert words in output, output
        assert "Traceback" not in output
    assert not Path(new).exists()


def test_an_event_that_is_missed_is_an_exit_code(tmp_path: Path) -> None:
    database = str(tmp_path / "d.duckdb")
    rows = (OPINION / "posts.jsonl").read_text(encoding="utf8").splitlines()[:300]
    (tmp_path / "some.jsonl").write_text("\n".join(rows[:200]), encoding="utf8")
    assert run("ingest", database, str(tmp_path / "some.jsonl"))[0] == 0
    code, output = run("evaluate", database, str(OPINION / "events.json"))
    assert code == 1
    assert "✘ event a: alarm expected, no alarm" in output


def test_the_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "monitor.md").read_text(encoding="utf8")
    (tmp_path / "assets").symlink_to(ROOT / "assets", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"(?ms)<!-- tested -->\n```(\w+)\n(.*?)^```", text)
    assert {language for language, _ in blocks} == {"bash", "python"}
    for language, block in blocks:
        if language == "python":
            exec(compile(block, "docs/monitor.md", "exec"), {})
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            assert words[:2] == ["xinzhi", "monitor"]
            code, output = run(*words[2:])
            assert code == 0, output
    assert json.loads((tmp_path / "metrics" / "monitor" / "events.json").read_text())["passed"]
    assert (tmp_path / "metrics" / "monitor" / "dashboard.html").stat().st_size > 10_000
