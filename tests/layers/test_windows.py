from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinzhi.layers.windows import (
    batch_by_length,
    batch_by_padded_size,
    owned_ranges,
    split_windows,
)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, [(0, 0)]),
        (10, [(0, 10)]),
        (11, [(0, 10), (1, 11)]),
        (25, [(0, 10), (6, 16), (12, 22), (15, 25)]),
    ],
)
def test_windows(length: int, expected: list[tuple[int, int]]) -> None:
    assert split_windows(length, size=10, overlap=4) == expected


@given(st.integers(0, 3000), st.integers(2, 200), st.data())
def test_every_piece_is_owned_once_and_no_window_is_too_long(
    length: int, size: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    windows = split_windows(length, size, overlap)
    owned = owned_ranges(windows)
    assert all(0 <= end - start <= size for start, end in windows)
    assert all(w[0] <= o[0] <= o[1] <= w[1] for w, o in zip(windows, owned, strict=True))
    assert [i for a, b in owned for i in range(a, b)] == list(range(length))


@given(st.lists(st.integers(1, 60), max_size=50), st.integers(1, 200))
def test_groups_hold_every_sequence_once_within_the_limit(lengths: list[int], limit: int) -> None:
    groups = list(batch_by_padded_size(np.array(lengths, dtype=np.int64), limit))
    assert sorted(i for g in groups for i in g.tolist()) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[i] for i in group)
        assert len(group) == 1 or longest * len(group) <= limit


def test_groups_of_one_length_fill_calls() -> None:
    lengths = np.array([8, 16, 8, 8, 24, 16, 8], dtype=np.int64)
    groups = batch_by_length(lengths, limit=48)
    assert [group.tolist() for group in groups] == [[4], [1], [5], [0, 2, 3, 6]]


@given(st.lists(st.integers(1, 60), max_size=50), st.integers(1, 200))
def test_groups_of_one_length_hold_every_sequence_once(lengths: list[int], limit: int) -> None:
    groups = batch_by_length(np.array(lengths, dtype=np.int64), limit)
    assert sorted(i for group in groups for i in group.tolist()) == list(range(len(lengths)))
    for group in groups:
        found = {lengths[i] for i in group}
        assert len(found) == 1
        assert len(group) == 1 or len(group) * found.pop() <= limit
