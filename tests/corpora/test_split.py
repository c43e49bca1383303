"""Splits: complete, seeded, stratified, and nothing leaks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from xinzhi.corpora.check import check
from xinzhi.corpora.split import SplitOptions, by_time, count_leaks, parse_parts, split
from xinzhi.errors import XinzhiError

SMARTCITY = Path(__file__).parents[2] / "assets" / "smartcity"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]


@pytest.fixture
def corpus(write_jsonl) -> Path:
    """100 records: 10 users, 5 texts twice, two labels and a rare head."""
    records = [
        {
            "id": f"r{i}",
            "text": f"第{i % 95}位市民办事顺利，点赞。",
            "label": [[0, 2, "甲" if i % 95 % 2 else "乙"]],
            "cats": {"mood": "good" if i % 95 % 10 else "bad"},
            "meta": {"user": f"u{i % 95 // 10}", "time": f"2026-{i // 28 + 1:02}-{i % 28 + 1:02}"},
        }
        for i in range(100)
    ]
    return write_jsonl("all.jsonl", *records)


def test_smartcity_is_stratified(tmp_path):
    inputs = [SMARTCITY / f"{name}.jsonl" for name in ("train", "dev", "test")]
    report = split(inputs, tmp_path / "out")
    items = {path.stem: item for path, item in report.files.items()}
    assert {name: item.records for name, item in items.items()} == pytest.approx(
        {"train": 1280, "dev": 160, "test": 160}, abs=8
    )
    total: dict[str, Counter] = {}
    for item in items.values():
        for head, counts in item.labels.items():
            total.setdefault(head, Counter()).update(counts)
    for name, share in (("train", 0.8), ("dev", 0.1), ("test", 0.1)):
        for head, counts in total.items():
            for label, count in counts.items():
                assert items[name].labels[head][label] == pytest.approx(count * share, abs=4)
    everything = [
        fields for path in sorted((tmp_path / "out").glob("*.jsonl")) for fields in lines(path)
    ]
    originals = {fields["text"]: fields for path in inputs for fields in lines(path)}
    assert len(everything) == 1600
    assert len({fields["id"] for fields in everything}) == 1600
    for fields in everything:
        assert {**fields, "id": None} == {**originals[fields["text"]], "id": None}


def test_equal_texts_and_groups_stay_together(corpus, tmp_path):
    report = split([corpus], tmp_path / "out", SplitOptions(group="user", seed=1))
    assert report.groups == 10
    users: Counter = Counter()
    for name in ("train", "dev", "test"):
        users.update(
            {fields["meta"]["user"] for fields in lines(tmp_path / "out" / f"{name}.jsonl")}
        )
    assert set(users.values()) == {1}
    plain = split([corpus], tmp_path / "plain")
    assert plain.groups == 95
    found = check([tmp_path / "plain" / f"{n}.jsonl" for n in ("train", "dev", "test")], near=False)
    assert not [item for item in found.repeated if item.shared]


def test_near_duplicates_stay_together(write_jsonl, tmp_path):
    pytest.importorskip("datasketch")
    texts = [f"{city}区居民反映电梯坏了三天没有人来修理，希望尽快处理" for city in "甲乙丙丁戊己庚"]
    others = [fields["text"] for fields in lines(SMARTCITY / "dev.jsonl")]
    path = write_jsonl("all.jsonl", *({"text": text} for text in texts + others[:40]))
    report = split([path], tmp_path / "out", SplitOptions(group="near"))
    assert report.groups == 41
    files = [tmp_path / "out" / f"{name}.jsonl" for name in ("train", "dev", "test")]
    holding = [path for path in files if any("电梯坏了" in x["text"] for x in lines(path))]
    assert len(holding) == 1
    assert check(files).near == []


def test_folds(corpus, tmp_path):
    split([corpus], tmp_path / "out", SplitOptions(folds=4))
    seen: Counter = Counter()
    for fold in range(1, 5):
        train, dev = (
            {fields["id"] for fields in lines(tmp_path / "out" / f"fold-{fold}" / f"{name}.jsonl")}
            for name in ("train", "dev")
        )
        assert len(train) + len(dev) == 100
        assert not train & dev
        assert len(dev) == pytest.approx(25, abs=1)
        seen.update(dev)
    assert set(seen.values()) == {1}
    assert len(seen) == 100


def test_by_time(corpus, tmp_path):
    report = split(
        [corpus], tmp_path / "out", SplitOptions(parse_parts("train=70,dev=30"), time="time")
    )
    train, dev = (
        [fields["meta"]["time"] for fields in lines(tmp_path / "out" / f"{name}.jsonl")]
        for name in ("train", "dev")
    )
    assert max(train) < min(dev)
    assert len(train) == pytest.approx(70, abs=4)
    assert report.leaked == 5  # the last five texts are the first five


@pytest.mark.parametrize(
    ("moments", "shares", "parts"),
    [
        ([3, 1, 2, 4], [1, 1], [1, 0, 0, 1]),
        ([1, 1, 1, 2], [1, 1], [0, 0, 0, 1]),
        ([5, 5, 5], [1, 1, 1], [0, 0, 0]),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [8, 1, 1], [0] * 8 + [1, 2]),
    ],
)
def test_time_decides(moments, shares, parts):
    assert by_time(moments, shares) == parts


def test_leaks_are_counted():
    assert count_leaks(["a", "b", "a", "c", "b"], [0, 0, 1, 1, 0]) == 1


def test_same_seed_same_files(corpus, tmp_path):
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        split([corpus], tmp_path / name, SplitOptions(seed=seed))
    one, two, three = ((tmp_path / n / "dev.jsonl").read_bytes() for n in ("one", "two", "three"))
    assert one == two != three


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": {"train": 1.0}}, "two or more"),
        ({"parts": {"train": 1.0, "dev": 0.0}}, "two or more"),
        ({"folds": 1}, "Use 2 or more"),
        ({"time": "time", "group": "user"}, "time alone decides"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(XinzhiError, match=message):
        SplitOptions(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "city"}, r"all\.jsonl:1 \(record r0\): there is no 'city'(.|\n)*user, time"),
        ({"time": "user"}, r"all\.jsonl:1 \(record r0\): 'user' is no point in time: 'u0'"),
    ],
)
def test_wrong_fields(corpus, tmp_path, options, message):
    with pytest.raises(XinzhiError, match=message):
        split([corpus], tmp_path / "out", SplitOptions(**options))
    assert not (tmp_path / "out").exists()


def test_parts():
    assert parse_parts("train=80, dev=20") == {"train": 80.0, "dev": 20.0}
    with pytest.raises(XinzhiError, match="train=80"):
        parse_parts("train")


def test_inputs_are_never_overwritten(write_jsonl, tmp_path):
    train = write_jsonl("train.jsonl", {"text": "x"})
    with pytest.raises(XinzhiError, match="would be overwritten"):
        split([train], tmp_path)
    with pytest.raises(XinzhiError, match="no such file"):
        split([tmp_path / "nowhere.jsonl"], tmp_path / "out")
    with pytest.raises(XinzhiError, match=r"no record to split(.|\n)*malformed JSON"):
        split([write_jsonl("bad.jsonl", "{")], tmp_path / "out")
