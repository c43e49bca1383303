"""Spans that are empty or outside the text; gold values that cannot be."""

from __future__ import annotations

import pytest

from xinzhi.corpora.validate import exclusive_facts, span_fact


@pytest.mark.parametrize(
    ("span", "fact"),
    [
        ((0, 5), None),
        ((5, 10), None),
        ((0, 11), "outside"),
        ((-1, 2), "outside"),
        ((3, 3), "use 4"),
        ((4, 3), "ends before it starts"),
    ],
)
def test_span_fact(span, fact):
    found = span_fact((*span, "A"), 10)
    assert found is None if fact is None else fact in found


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("a", True),
        (["a"], True),
        ({"a": 1.0, "b": 0.0}, True),
        ([], False),
        (["a", "b"], False),
        ({"a": 0.0}, False),
        ({"a": 0.9}, False),
        ({"a": 1.0, "b": 0.1}, False),
    ],
)
def test_exclusive_facts(value, fits):
    assert (list(exclusive_facts("topic", value)) == []) is fits
