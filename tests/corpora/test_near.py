"""Near-duplicates: found among texts that are not, and put into clusters."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from xinzhi.compat import require
from xinzhi.corpora.near import clusters, key_of, near_duplicates, shingles
from xinzhi.errors import XinzhiError

SMARTCITY = Path(__file__).parents[2] / "assets" / "smartcity" / "train.jsonl"
pytest.importorskip("datasketch")


def smartcity(limit: int) -> list[str]:
    lines = SMARTCITY.read_text(encoding="utf8").splitlines()[:limit]
    return [json.loads(line)["text"] for line in lines]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("一网通办，让我少跑了３趟！", "一网通办 让我少跑了3趟"),
        ("Empire State Building", "empire  state building."),
        ("去\u200b北京", "去北京"),
    ],
)
def test_same_to_a_reader(one: str, two: str):
    assert key_of(one) == key_of(two)
    assert list(near_duplicates([one, "别的", two])) == [(0, 2, 1.0)]


def test_texts_of_signs_only_are_compared_as_they_are():
    assert list(near_duplicates(["？？", "！", "🙂", "🙂 "])) == [(2, 3, 1.0)]


def test_changed_copies_are_found_and_nothing_else():
    texts = smartcity(300)
    rng = random.Random(0)
    copies = []
    for number in rng.sample(range(300), 40):
        text = texts[number]
        if len(text) > 25:
            place = rng.randrange(1, len(text) - 1)
            copies.append((number, text[:place] + "呀" + text[place:]))
    pairs = list(near_duplicates([*texts, *(text for _, text in copies)]))
    expected = {(number, 300 + i) for i, (number, _) in enumerate(copies)}
    assert expected <= {(one, two) for one, two, _ in pairs}
    for one, two, similarity in pairs:
        assert 0.8 <= similarity <= 1.0
        assert (one, two) in expected or two < 300


def test_short_texts_are_only_the_same_if_they_are_equal():
    assert list(near_duplicates(["好的呢", "好的呀", "好的"])) == []


def test_clusters():
    assert clusters(6, iter([(0, 2, 1.0), (4, 5, 0.9), (2, 5, 0.8)])) == [0, 1, 0, 3, 0, 0]


def test_shingles():
    assert shingles("北京市") == {"北京", "京市"}
    assert shingles("好") == {"好"}


def test_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setattr(
        "xinzhi.corpora.near.require", lambda module, *rest: require("no_such_module", *rest)
    )
    with pytest.raises(XinzhiError, match=r"pip install 'xinzhi\[dedup\]'"):
        list(near_duplicates(["一"]))
