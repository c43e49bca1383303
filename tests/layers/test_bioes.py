from __future__ import annotations

import itertools

import numpy as np
import pytest

from xinzhi.layers import bioes


def tag_number(tag: str, labels: list[str]) -> int:
    if tag == "O":
        return 0
    prefix, label = tag.split("-")
    return bioes.tags_of(prefix, len(labels)).start + labels.index(label)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("", []),
        ("O O", []),
        ("S-a", [(0, 1, 0)]),
        ("B-b E-b S-a O", [(0, 2, 1), (2, 3, 0)]),
        ("O B-a I-a I-a E-a B-b E-b", [(1, 5, 0), (5, 7, 1)]),
    ],
)
def test_spans_and_tags_are_inverse(tags, spans):
    labels = ["a", "b"]
    numbers = np.array([tag_number(tag, labels) for tag in tags.split()], dtype=np.int64)
    rows = np.array(spans, dtype=np.int64).reshape(-1, 3)
    assert bioes.spans_to_tags(len(numbers), rows, 2).tolist() == numbers.tolist()
    assert bioes.tags_to_spans(numbers, 2).tolist() == rows.tolist()


def test_default_tag_marks_the_rest():
    tags = bioes.spans_to_tags(3, np.array([[1, 2, 0]]), 1, default=bioes.MISSING)
    assert tags.tolist() == [-1, 4, -1]


@pytest.mark.parametrize(
    ("path", "legal"),
    [
        ("O", True),
        ("S-a", True),
        ("B-a", False),
        ("E-a", False),
        ("B-a E-a", True),
        ("B-a E-b", False),
        ("B-a I-a E-a O", True),
        ("B-a O", False),
        ("B-a B-a", False),
        ("O I-a E-a", False),
        ("S-a B-b I-b E-b", True),
        ("B-a I-b E-b", False),
    ],
)
def test_legal_paths(path, legal):
    table = bioes.legal_transitions(2)
    numbers = [9, *(tag_number(tag, ["a", "b"]) for tag in path.split()), 9]
    assert all(table[a, b] for a, b in itertools.pairwise(numbers)) == legal


def test_without_labels_only_outside_is_left():
    assert bioes.legal_transitions(0).tolist() == [[True, True], [True, False]]
    assert len(bioes.tags_to_spans(np.zeros(3, dtype=np.int64), 0)) == 0
