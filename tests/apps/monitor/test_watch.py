"""A folder that files arrive in."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from xinzhi.apps.monitor.database import open_database
from xinzhi.apps.monitor.delivery import FileTarget
from xinzhi.apps.monitor.watch import Round, WatchOptions, look, watch
from xinzhi.errors import XinzhiError

from .conftest import OPINION


def put(folder: Path, name: str, lines: list[str]) -> None:
    path = folder / name
    path.write_text("".join(lines), encoding="utf8")
    os.utime(path, (time.time() - 60,) * 2)


@pytest.fixture
def lines() -> list[str]:
    return (OPINION / "posts.jsonl").read_text(encoding="utf8").splitlines(keepends=True)


def test_files_arrive_grow_and_are_damaged(tmp_path: Path, lines: list[str]) -> None:
    folder, database = tmp_path / "in", tmp_path / "db.duckdb"
    folder.mkdir()
    targets = [FileTarget(tmp_path / "alarms.jsonl")]
    put(folder, "1.jsonl", lines[:200])
    first = look(folder, database, targets, WatchOptions())
    assert (first.report.new, len(first.files), first.failures) == (200, 1, [])
    assert look(folder, database, targets, WatchOptions()).files == []
    put(folder, "1.jsonl", lines[:300])
    put(folder, "notes.docx", ["x"])
    (folder / "now.jsonl").write_text("".join(lines[300:]), encoding="utf8")  # may not be complete
    second = look(folder, database, targets, WatchOptions())
    assert (second.report.new, second.report.known) == (100, 200)
    assert len(second.failures) == 1
    assert "notes.docx" in second.failures[0]
    alarms = (tmp_path / "alarms.jsonl").read_text(encoding="utf8").splitlines()
    assert len(alarms) == 2
    with open_database(database) as opened:
        assert opened.rows("SELECT COUNT(*) FROM deliveries") == [(2,)]


def test_rounds(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "in").mkdir()
    put(tmp_path / "in", "a.jsonl", lines[:20])
    done: list[Round] = []
    options = WatchOptions(zone="UTC")
    watch(
        tmp_path / "in", tmp_path / "d.db", [], options, seconds=0.0, rounds=2, report=done.append
    )
    assert [len(item.files) for item in done] == [1, 0]
    with pytest.raises(XinzhiError, match="no folder"):
        look(tmp_path / "nowhere", tmp_path / "d.db", [], options)
