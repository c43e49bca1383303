"""Spans that are empty, outside the text or overlapping."""

from __future__ import annotations

import pytest

from xinzhi.corpora.validate import exclusive_facts, span_facts


@pytest.mark.parametrize(
    ("spans", "facts"),
    [
        ([], []),
        ([(0, 5, "A"), (5, 10, "A")], []),
        ([(5, 10, "A"), (0, 5, "A")], []),
        ([(0, 11, "A")], ["outside"]),
        ([(3, 3, "A")], ["use 4"]),
        ([(4, 3, "A")], ["ends before it starts"]),
        ([(2, 6, "A"), (0, 3, "B")], ["[0, 3, 'B'] and [2, 6, 'A']"]),
        # a long span overlaps both of those inside it
        (
            [(0, 9, "A"), (1, 2, "B"), (5, 6, "C")],
            ["[0, 9, 'A'] and [1, 2, 'B']", "[0, 9, 'A'] and [5, 6, 'C']"],
        ),
    ],
)
def test_span_facts(spans, facts):
    found = list(span_facts(spans, 10))
    assert len(found) == len(facts)
    assert all(fact in text for fact, text in zip(facts, found, strict=True))


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
