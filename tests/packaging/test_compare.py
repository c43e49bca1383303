from __future__ import annotations

from typing import Any

import pytest

from xinzhi.packaging.compare import first_difference, largest_difference


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ({"a": [1, 0.5]}, {"a": [1, 0.50009]}),
        ({"a": 0.0}, {"a": 0}),
        ([], []),
        ({"ents": [{"start": 1, "label": "地点"}]}, {"ents": [{"start": 1, "label": "地点"}]}),
    ],
)
def test_equal(expected: Any, found: Any) -> None:
    assert first_difference(expected, found) is None


@pytest.mark.parametrize(
    ("expected", "found", "where"),
    [
        ([{"cats": {"a": 0.5}}], [{"cats": {"a": 0.5002}}], "[0].cats.a: expected 0.5"),
        (
            [{"ents": [{"end": 2}]}],
            [{"ents": [{"end": 3}]}],
            "[0].ents[0].end: expected 2, found 3",
        ),
        ({"ents": []}, {"ents": [1]}, "ents: expected []"),
        ({"a": 1}, {"b": 1}, "expected {'a': 1}"),
        ({"label": "A"}, {"label": "B"}, "label: expected 'A', found 'B'"),
        ({"a": 1}, {"a": None}, "a: expected 1, found None"),
    ],
)
def test_different(expected: Any, found: Any, where: str) -> None:
    difference = first_difference(expected, found)
    assert difference is not None
    assert where in difference


def test_largest_difference() -> None:
    expected = [{"cats": {"a": 0.5, "b": 0.25}}, {"cats": {}, "n": 3}]
    found = [{"cats": {"a": 0.5, "b": 0.2}}, {"cats": {}, "n": 9}]
    assert largest_difference(expected, found) == pytest.approx(0.05)
    assert largest_difference([], []) == 0.0
