"""Overlap policies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinzhi.corpora.overlaps import POLICIES, check_policy, has_overlaps, overlap, resolve, unique
from xinzhi.errors import XinzhiError

A, B, C = (0, 4, "机构"), (2, 9, "地点"), (8, 10, "人名")
NESTED = (0, 2, "地点")
APART = (20, 22, "人名")


@pytest.mark.parametrize(
    ("spans", "policy", "priority", "kept"),
    [
        ([A, B, C], "longest", [], [B]),
        ([A, B, C], "spans", [], [B]),
        ([A, B, C], "first", [], [A, C]),
        ([A, B, C], "priority", ["人名"], [A, C]),
        ([A, B, C], "priority", ["地点", "机构"], [B]),
        ([A, B, C, APART], "error", [], [APART]),
        ([A, NESTED], "longest", [], [A]),
        ([A, NESTED], "first", [], [A]),  # at the same start the longer one
        ([A, NESTED], "priority", ["地点"], [NESTED]),
        ([(0, 2, "X"), (0, 2, "Y")], "longest", [], [(0, 2, "X")]),  # decided by the label
        ([(0, 2, "X"), (2, 4, "Y")], "error", [], [(0, 2, "X"), (2, 4, "Y")]),  # they only touch
        ([], "longest", [], []),
    ],
)
def test_policies(spans, policy, priority, kept):
    chosen, dropped = resolve(spans, policy, priority)
    assert chosen == kept
    assert sorted(chosen + dropped) == sorted(spans)
    assert resolve(spans[::-1], policy, priority) == (chosen, dropped)


SPANS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 8), st.sampled_from("XYZ")), max_size=12
).map(lambda items: list(dict.fromkeys((start, start + n, label) for start, n, label in items)))


@given(SPANS, st.sampled_from(POLICIES))
def test_what_is_kept_does_not_overlap_and_what_is_dropped_does(spans, policy):
    kept, dropped = resolve(spans, policy, ["Y"] if policy == "priority" else [])
    assert sorted(kept + dropped) == sorted(spans)
    assert not has_overlaps(kept)
    others = spans if policy == "error" else kept
    assert all(any(overlap(span, s) for s in others if s != span) for span in dropped)
    assert has_overlaps(spans) is bool(dropped)


def test_copies():
    assert unique([A, B, A, A]) == ([A, B], [A, A])


@pytest.mark.parametrize(
    ("policy", "priority", "message"),
    [
        ("longets", [], "Use one of longest"),
        ("priority", [], "--priority"),
        ("longest", ["地点"], "--priority"),
    ],
)
def test_wrong_settings(policy, priority, message):
    with pytest.raises(XinzhiError, match=message):
        check_policy(policy, priority)
