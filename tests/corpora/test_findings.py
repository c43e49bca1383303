"""What the facts of a check mean for training: each rule fires on its corpus and on no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xinzhi.corpora.check import check, read_config, spread
from xinzhi.corpora.check_page import render_page
from xinzhi.corpora.convert import convert
from xinzhi.corpora.estimate import EncoderSize, batch_pieces, count_steps, estimate
from xinzhi.corpora.record import Record
from xinzhi.errors import XinzhiError

ROOT = Path(__file__).parents[2]
LONG = "居民反映小区电梯坏了三天没有人来修理，希望尽快处理"


def records(name: str, count: int = 12, start: int = 0) -> list[dict]:
    return [
        {
            "text": f"{name}{n}号去北京",
            "label": [[len(f"{name}{n}") + 2, len(f"{name}{n}") + 4, "G"]],
        }
        for n in range(start, start + count)
    ]


def rules(*paths: Path, **options) -> dict[str, str]:
    return {finding.rule: finding.level for finding in check(paths, **options).findings}


def test_a_good_corpus_has_no_findings(write_jsonl):
    train = write_jsonl("train.jsonl", *records("甲"))
    dev = write_jsonl("dev.jsonl", *records("乙", 4))
    assert rules(train, dev) == {}


@pytest.mark.parametrize(
    ("train", "dev", "expected"),
    [
        ([{"text": "短", "label": [[0, 9, "G"]]}], [], {"problems": "error"}),
        ([{"text": "去 北京", "label": [[1, 4, "G"]]}], [], {"misaligned": "error"}),
        (
            [*records("丙", 20), {"text": "去 北京", "label": [[1, 4, "G"]]}],
            [],
            {"misaligned": "warning"},
        ),
        ([], records("甲", 1), {"leakage": "error"}),
        ([], [*records("甲", 1), *records("丁", 150)], {"leakage": "warning"}),
        ([{"text": LONG}], [{"text": f"{LONG}！"}], {"near-leakage": "warning"}),
        (
            [{"text": "好", "label": []}, {"text": "好", "label": [[0, 1, "G"]]}],
            [],
            {"conflicts": "error"},
        ),
        ([{"text": "好"}, {"text": "好"}], [], {"copies": "warning"}),
        ([{"text": "浑\ufffd身"}], [], {"lost-characters": "warning"}),
        (
            [{"text": "好", "label": [[0, 1, "H"]]}],
            [{"text": "坏", "label": [[0, 1, "H"]]}],
            {"tiny-class": "warning"},
        ),
        (
            [{"text": f"{i}", "label": [[0, len(str(i)), "H"]]} for i in range(10)],
            [],
            {"never-scored": "warning"},
        ),
        (
            [{"text": f"类{i}", "cats": {"t": "a"}} for i in range(10)],
            [{"text": "类", "cats": {"t": "a"}}],
            {"one-label": "warning"},
        ),
        (
            [{"text": f"类{i}", "cats": {"t": "a" if i < 1000 else "b"}} for i in range(1010)],
            [{"text": "类", "cats": {"t": "a"}}, {"text": "别", "cats": {"t": "b"}}],
            {"imbalance": "warning"},
        ),
        ([], [{"text": "坏", "label": [[0, 1, "H"]]}], {"problems": "error"}),
    ],
)
def test_rules(write_jsonl, train, dev, expected):
    first = write_jsonl("train.jsonl", *records("甲"), *train)
    second = write_jsonl("dev.jsonl", *records("乙", 4), *dev)
    assert rules(first, second) == expected


def test_offsets_in_another_unit_are_an_error(write_jsonl):
    lines = [
        {"text": f"🙂{n}号去北京", "label": [[len(str(n)) + 4, len(str(n)) + 6, "G"]]}
        for n in range(12)
    ]
    path = write_jsonl("train.jsonl", *lines)
    assert rules(path)["offsets"] == "error"
    assert "look like utf-16" in "\n".join(finding.fact for finding in check([path]).findings)


def test_empty_files(write_jsonl):
    path = write_jsonl("train.jsonl", {"text": "没有标注"})
    empty = write_jsonl("dev.jsonl", "{")
    assert rules(path, empty) == {
        "no-annotation": "error",
        "empty-corpus": "error",
        "problems": "error",
    }


def test_files_that_cannot_be_read(write_jsonl, tmp_path):
    good = write_jsonl("train.jsonl", *records("甲"))
    empty, folder = tmp_path / "dev.jsonl", tmp_path / "more"
    empty.touch()
    folder.mkdir()
    (folder / "new.jsonl").write_bytes(b"\n\n")
    (folder / "part.jsonl").write_text(json.dumps(records("乙", 1)[0]), encoding="utf8")
    report = check([good, empty, folder])
    (finding,) = report.findings
    assert (finding.rule, finding.level) == ("unreadable", "error")
    assert finding.fact.endswith(f": {empty}, {folder / 'new.jsonl'}.")
    assert "annotated texts" in finding.fix


def test_without_the_library_near_duplicates_are_not_looked_for(write_jsonl, monkeypatch):
    monkeypatch.setattr("xinzhi.corpora.check.has_minhash", lambda: False)
    report = check([write_jsonl("train.jsonl", *records("甲"))])
    assert report.near is None
    assert report.to_dict()["near_duplicates"] is None


# The config, the estimate and the page


@pytest.fixture
def smartcity(tmp_path) -> list[Path]:
    convert(
        [ROOT / "assets" / "smartcity" / f"{name}.jsonl" for name in ("train", "dev")], tmp_path
    )
    return [tmp_path / "train.spacy", tmp_path / "dev.spacy"]


def test_config_is_judged_with_the_corpora_that_are_checked(smartcity, tiny_encoder, tmp_path):
    text = (ROOT / "configs" / "smartcity.cfg").read_text(encoding="utf8")
    path = tmp_path / "bad.cfg"
    path.write_text(text.replace("eval_frequency = 150", "eval_frequency = 5000"), encoding="utf8")
    config = read_config(path, smartcity)
    assert config["corpora"]["train"]["path"] == str(smartcity[0])
    report = check(smartcity, config=config, encoder=tiny_encoder(), near=False)
    assert [(f.rule, f.level) for f in report.findings] == [("eval-frequency", "error")]
    assert report.has_errors
    assert report.estimate is not None
    assert report.estimate.steps == 1200
    assert len(report.files[smartcity[0]].pieces) == 1120


def test_config_that_is_not_there(tmp_path):
    with pytest.raises(XinzhiError, match="Config file not found"):
        read_config(tmp_path / "none.cfg")
    with pytest.raises(XinzhiError, match=r"no tokenizer\.json"):
        check([], encoder=tmp_path)


SIZE = EncoderSize(hidden=384, layers=12, feed_forward=1536, vocabulary=250_037)


def test_estimate():
    assert SIZE.layer_weights == 21_233_664
    config = {
        "training": {
            "max_steps": 1200,
            "eval_frequency": 150,
            "batcher": {"@batchers": "spacy.batch_by_padded.v1", "size": 500},
        }
    }
    found = estimate(config, SIZE, [40] * 1120, [40] * 240, flops=185e9)
    assert found is not None
    assert (found.steps, found.pieces, found.evaluated) == (1200, 600_000, 9 * 9600)
    assert found.seconds == pytest.approx(21_233_664 * (6 * 600_000 + 2 * 86_400) / (0.4 * 185e9))
    assert 2 * 2**30 < found.bytes < 4 * 2**30
    assert "minutes on this CPU" in str(found)
    measured = estimate(config, EncoderSize(8, 1, 16, 100), [40] * 50, [40])
    assert measured is not None
    assert measured.seconds > 0
    assert estimate(config, SIZE, [], []) is None


@pytest.mark.parametrize(
    ("training", "steps"),
    [
        ({"max_steps": 10, "max_epochs": 0}, 10),
        ({"max_steps": 0, "max_epochs": 3}, 30),
        ({"max_steps": 20, "max_epochs": 3}, 20),
        ({}, 20_000),
    ],
)
def test_steps(training, steps):
    assert count_steps(training, pieces=1000, batch=100) == steps


@pytest.mark.parametrize(
    ("batcher", "pieces"),
    [
        ({"@batchers": "spacy.batch_by_words.v1", "size": 300}, 300),
        ({"@batchers": "spacy.batch_by_words.v1", "size": 9000}, 600),
        ({"@batchers": "spacy.batch_by_sequence.v1", "size": 3}, 60),
        ({"@batchers": "spacy.batch_by_words.v1", "size": {"start": 100, "stop": 200}}, 200),
    ],
)
def test_pieces_in_a_batch(batcher, pieces):
    assert batch_pieces(batcher, [20] * 30) == pieces


def test_an_encoder_that_does_not_say_its_sizes(tmp_path):
    assert EncoderSize.of(tmp_path) is None
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    assert EncoderSize.of(tmp_path) is None


def test_page_is_complete_and_self_contained(write_jsonl):
    train = write_jsonl(
        "train <1>.jsonl", *records("甲"), {"text": "浑\ufffd身", "cats": {"t": "<b>"}}
    )
    dev = write_jsonl("dev.jsonl", *records("甲", 3), *records("乙", 3))
    report = check([train, dev], train="train <1>")
    page = render_page(report)
    for part in (
        "Training would suffer",
        "train &lt;1&gt;.jsonl",
        "&lt;b&gt;",
        "leakage",
        "<svg",
        "Head t",
    ):
        assert part.replace("leakage", "are in train") in page
    assert "<b>&" not in page.replace("<b>error", "")
    for outside in ("http", "<script", "url(", "src=", "<link", "@import"):
        assert outside not in page
    assert page.count("<svg") == page.count("</svg>") == 3  # entities, the head, lengths


def test_page_of_a_corpus_without_findings(write_jsonl):
    page = render_page(check([write_jsonl("train.jsonl", *records("甲"))]))
    assert "Ready for training" in page
    assert "Nothing to correct" in page


def test_spread():
    assert spread([3, 1, 2]) == {"min": 1, "mean": 2.0, "median": 2, "p95": 3, "max": 3}
    assert spread([]) is None


def test_json_is_json(write_jsonl):
    dev = write_jsonl("dev.jsonl", *records("甲", 2), {"text": LONG})
    report = check([write_jsonl("train.jsonl", *records("甲"), {"text": f"{LONG}。"}), dev])
    saved = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert saved["ready"] is False
    assert saved["near_duplicates"][0]["similarity"] == 1.0
    assert {finding["rule"] for finding in saved["findings"]} == {"leakage", "near-leakage"}
    assert isinstance(report.near[0].one, Record)
