"""Cleaning: each step does what it says, counts it, and can be undone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xinzhi.corpora.clean import CHANGED, REMOVED, REPORT, STEPS, CleanOptions, clean, restore
from xinzhi.errors import XinzhiError

LONG = "居民反映小区电梯坏了三天没有人来修理，希望尽快处理"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


@pytest.fixture
def corpus(write_jsonl) -> list[Path]:
    return [
        write_jsonl(
            "train.jsonl",
            {"id": 1, "text": "去北京", "label": [[1, 3, "G"]]},
            {"id": 2, "text": "去北京", "label": [[1, 3, "G"]]},
            {"id": 3, "text": "无", "label": []},
            {"id": 4, "text": "无", "label": [[0, 1, "G"]]},
            {"id": 5, "text": "\u200b \n"},
            {"id": 6, "text": "浑\ufffd身"},
            {"id": 7, "text": "去 上海\u200b１２号", "label": [[1, 5, "G"], [2, 4, "H"]]},
            {"id": 8, "text": LONG, "cats": {"t": "a"}},
            {"id": 9, "text": "在测试里"},
            {"id": 10, "text": "短", "label": [[0, 9, "G"]]},
        ),
        write_jsonl(
            "dev.jsonl",
            {"id": 1, "text": f"{LONG}！", "cats": {"t": "a"}},
            {"id": 2, "text": "在测试里"},
        ),
    ]


def ids(folder: Path, name: str = "train.jsonl") -> list[int]:
    return [fields["id"] for fields in lines(folder / name)]


@pytest.mark.parametrize(
    ("step", "removed"),
    [
        ("empty", [5]),
        ("damaged", [6]),
        ("copies", [2]),
        ("conflicts", [3, 4]),
        ("leaks", [9]),
    ],
)
def test_steps_that_leave_records_out(corpus, tmp_path, step, removed):
    report = clean(corpus, tmp_path / "out", CleanOptions([step]))
    assert ids(tmp_path / "out") == [n for n in range(1, 11) if n not in removed]
    assert ids(tmp_path / "out", "dev.jsonl") == [1, 2]
    assert report.removed == {step: len(removed)}
    listed = lines(tmp_path / "out" / REMOVED)
    assert [(item["step"], item["record"]["id"], item["line"]) for item in listed] == [
        (step, number, number) for number in removed
    ]


def test_near_duplicates_are_left_out(corpus, tmp_path):
    pytest.importorskip("datasketch")
    clean(corpus, tmp_path / "out", CleanOptions(["near"]))
    assert ids(tmp_path / "out", "dev.jsonl") == []
    assert ids(tmp_path / "out") == [1, 3, 5, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(
    ("steps", "text", "spans"),
    [
        (["trim"], "去 上海\u200b１２号", [[2, 4, "G"], [2, 4, "H"]]),
        (["overlaps"], "去 上海\u200b１２号", [[1, 5, "G"]]),
        (["normalise"], "去 上海12号", [[1, 4, "G"], [2, 4, "H"]]),
        (["trim", "normalise", "overlaps"], "去 上海12号", [[2, 4, "G"]]),
    ],
)
def test_steps_that_change_records(corpus, tmp_path, steps, text, spans):
    report = clean(corpus, tmp_path / "out", CleanOptions(steps))
    [fields] = [fields for fields in lines(tmp_path / "out" / "train.jsonl") if fields["id"] == 7]
    assert (fields["text"], fields["label"]) == (text, spans)
    changed = [item["record"] for item in lines(tmp_path / "out" / CHANGED)]
    assert {"id": 7, "text": "去 上海\u200b１２号", "label": [[1, 5, "G"], [2, 4, "H"]]} in changed
    assert len(changed) == report.changed
    [broken] = [fields for fields in lines(tmp_path / "out" / "train.jsonl") if fields["id"] == 10]
    assert broken["label"] == [[0, 9, "G"]]  # for a person to repair


@pytest.mark.parametrize("steps", [list(STEPS), ["copies"], ["normalise", "empty"], []])
def test_everything_comes_back(corpus, tmp_path, steps):
    pytest.importorskip("datasketch")
    report = clean(corpus, tmp_path / "out", CleanOptions(steps))
    assert report.records == 12 == report.kept + sum(report.removed.values())
    saved = json.loads((tmp_path / "out" / REPORT).read_text(encoding="utf8"))
    assert saved["kept"] == report.kept
    assert restore(tmp_path / "out", tmp_path / "back") == {"dev.jsonl": 2, "train.jsonl": 10}
    for path in corpus:
        assert lines(tmp_path / "back" / path.name) == lines(path)


def test_records_that_cannot_be_read_are_listed(write_jsonl, tmp_path):
    path = write_jsonl("train.jsonl", "{", {"text": "好"}, {"text": "好"})
    report = clean([path], tmp_path / "out")
    [problem] = report.problems
    assert str(problem).startswith(f"{path}:1: malformed JSON")
    assert (report.records, report.kept) == (2, 1)


def test_nothing_that_can_be_read(tmp_path):
    path = tmp_path / "train.jsonl"
    path.touch()
    with pytest.raises(XinzhiError, match=r"no record to clean\.\n  .*the file is empty"):
        clean([path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": ["polish"]}, "no step 'polish'"),
        ({"overlap": "error"}, "cleans nothing"),
        ({"normalise": ["nfkd"]}, "no normalisation step"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(XinzhiError, match=message):
        CleanOptions(**options)


def test_folders_that_cannot_be(corpus, tmp_path):
    with pytest.raises(XinzhiError, match="would be overwritten"):
        clean(corpus, tmp_path)
    with pytest.raises(XinzhiError, match="a folder of `clean`"):
        restore(tmp_path, tmp_path / "back")
    with pytest.raises(XinzhiError, match="the same file"):
        clean([*corpus, tmp_path / "x" / "train.jsonl"], tmp_path / "out")
