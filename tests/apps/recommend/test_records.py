from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xinzhi.apps.recommend.records import Item, read_events, read_items
from xinzhi.errors import XinzhiError

ROOT = Path(__file__).parents[3]
GOOD = {"id": 1, "text": "太极"}


def write(path: Path, *records: Any) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines), encoding="utf8")
    return path


def test_items(tmp_path: Path) -> None:
    full = {"id": "b", "text": "Yoga", "categories": ["健身", "入门"], "time": "2026-03-02"}
    first, second = read_items(write(tmp_path / "i", GOOD, "", full))
    assert (first.id, first.words, first.time) == ("1", "太极", None)
    assert second.words == "Yoga (健身, 入门)"
    assert second.time == 1772409600


def test_events_come_in_order_of_time_whatever_their_zone(tmp_path: Path) -> None:
    path = write(
        tmp_path / "e",
        {"user": "b", "item": 1, "time": "2026-03-02T09:00:00+08:00"},
        {"user": 7, "item": 1, "time": "2026-03-02T00:30:00Z", "liked": False},
        {"user": "b", "item": 1, "time": 0},
    )
    events = read_events(path, [Item("1", "太极")])
    assert events.names == ["b", "7"]
    assert events.user.tolist() == [0, 1, 0]
    assert events.liked.tolist() == [True, False, True]
    assert events.time[1:].tolist() == [1772411400, 1772413200]
    assert events.before(1.0).item.tolist() == [0]
    assert np.all(np.diff(events.time) >= 0)


@pytest.mark.parametrize(
    ("records", "fact"),
    [
        ([], "has no items"),
        (["{"], ":1: "),
        ([GOOD, "[]"], ":2: no JSON object"),
        ([{"text": "x"}], ":1: 'id' is missing"),
        ([{"id": True, "text": "x"}], ":1: 'id' is missing"),
        ([{"id": 1, "text": " "}], ":1: 'text' is missing"),
        ([GOOD, {**GOOD, "text": "other"}], ":2: the id '1' is that of line 1"),
        ([{**GOOD, "categories": "健身"}], ":1: 'categories' is no list"),
        ([{**GOOD, "time": "soon"}], ":1: 'soon' is no time"),
        ([{**GOOD, "time": True}], ":1: True is no time"),
    ],
)
def test_bad_items(tmp_path: Path, records: list[Any], fact: str) -> None:
    with pytest.raises(XinzhiError) as err:
        read_items(write(tmp_path / "items.jsonl", *records))
    assert fact in err.value.fact
    assert "items.jsonl" in err.value.fact


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"item": 2}, ":1: there is no item '2'"),
        ({"user": ""}, ":1: 'user' is missing"),
        ({"time": None}, ":1: None is no time"),
        ({"time": "2026-13-01"}, "is no time"),
        ({"liked": 4.5}, ":1: 'liked' is 4.5"),
    ],
)
def test_bad_events(tmp_path: Path, change: dict[str, Any], fact: str) -> None:
    record = {"user": "a", "item": 1, "time": 5, **change}
    with pytest.raises(XinzhiError, match=fact):
        read_events(write(tmp_path / "e.jsonl", record), [Item("1", "太极")])


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(XinzhiError, match="cannot be read"):
        read_items(tmp_path / "none.jsonl")
    with pytest.raises(XinzhiError, match="has no events"):
        read_events(write(tmp_path / "e.jsonl"), [])


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_movielens(tmp_path: Path, form: str) -> None:
    source, output = tmp_path / "ml", tmp_path / "out"
    source.mkdir()
    if form == "csv":
        films = (
            'movieId,title,genres\n1,Toy Story (1995),Comedy|Fantasy\n2,"X, The",(no genres listed)'
        )
        stars = "userId,movieId,rating,timestamp\n5,1,4.0,900\n5,2,3.5,800"
        (source / "movies.csv").write_text(films, encoding="utf8")
        (source / "ratings.csv").write_text(stars, encoding="utf8")
    else:
        story = {
            "item": 1,
            "text": "Toy Story (1995)",
            "genres": ["Comedy", "Fantasy"],
            "tags": ["fun"],
        }
        write(source / "items.jsonl", story, {"item": 2, "text": "X, The", "genres": []})
        write(source / "users.jsonl", {"user": 5, "ratings": [[1, 4.0, 900], [2, 3.5, 800]]})
    runpy.run_path(str(ROOT / "scripts" / "movielens.py"))["main"](source, output)
    items = read_items(output / "items.jsonl")
    assert [item.words for item in items] == ["Toy Story (1995) (Comedy, Fantasy)", "X, The"]
    assert [item.time for item in items] == [788918400.0, None]
    events = read_events(output / "events.jsonl", items)
    assert (events.names, events.item.tolist()) == (["5"], [1, 0])
    assert events.liked.tolist() == [False, True]
