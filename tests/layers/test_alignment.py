from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from xinzhi.layers.alignment import align_pieces


def align(tokens: list[tuple[int, int]], pieces: list[tuple[int, int]], n: int) -> list[list[int]]:
    """Pieces of each token, through the function under test."""
    token = np.array(tokens, dtype=np.int64).reshape(-1, 2)
    piece = np.array(pieces, dtype=np.int64).reshape(-1, 2)
    flat, _, counts = align_pieces(
        token[:, 0], token[:, 1] - token[:, 0], piece[:, 0], piece[:, 1], n
    )
    return [part.tolist() for part in np.split(flat, np.cumsum(counts)[:-1])]


@pytest.mark.parametrize(
    ("tokens", "pieces", "expected"),
    [
        ([(0, 5), (6, 11)], [(0, 3), (3, 5), (5, 11)], [[0, 1], [2]]),  # "▁world" with its space
        ([(0, 1), (1, 2), (2, 3)], [(0, 2), (2, 3)], [[0], [0], [1]]),  # one piece, two characters
        ([(0, 1)], [(0, 1), (0, 1)], [[0, 1]]),  # ㎏ -> k, g
        ([(0, 1), (1, 2)], [(0, 1)], [[0], []]),  # nothing for a zero-width character
        ([(0, 1)], [(0, 0), (0, 1)], [[1]]),  # a marker that stands for no character
        ([(0, 1), (2, 3)], [(1, 2)], [[], []]),  # a piece of white space only
    ],
)
def test_alignment(
    tokens: list[tuple[int, int]], pieces: list[tuple[int, int]], expected: list[list[int]]
) -> None:
    assert align(tokens, pieces, tokens[-1][1]) == expected


def test_rank_within_piece() -> None:
    _, ranks, _ = align_pieces(*map(np.array, ([0, 1, 2], [1, 1, 1], [0, 2], [2, 3])), 3)
    assert ranks.tolist() == [0, 1, 0]


@settings(deadline=None)
@given(st.text(max_size=40), st.data())
def test_agrees_with_the_definition(text: str, data: st.DataObject) -> None:
    """A token's pieces are those that share a character with it."""
    doc = spacy.blank("en").make_doc(text)
    if not len(doc):
        return
    tokens = [(t.idx, t.idx + len(t)) for t in doc]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    edges = sorted({0, len(text), *cuts})
    pieces = list(pairwise(edges))
    expected = [[i for i, (a, b) in enumerate(pieces) if a < e and s < b] for s, e in tokens]
    assert align(tokens, pieces, len(text)) == expected
