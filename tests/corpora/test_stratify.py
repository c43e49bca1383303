"""Stratification: every label shared out as the parts are; groups stay together."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from xinzhi.corpora.stratify import stratify

GROUPS = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 4)), st.integers(1, 5)),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(GROUPS, st.integers(2, 4), st.integers(0, 3))
def test_every_group_has_a_part_and_the_same_seed_gives_the_same(groups, parts, seed):
    labels, sizes = [Counter(g) for g, _ in groups], [n for _, n in groups]
    shares = [float(n + 1) for n in range(parts)]
    result = stratify(labels, sizes, shares, seed)
    assert len(result) == len(groups)
    assert set(result) <= set(range(parts))
    assert result == stratify(labels, sizes, shares, seed)


def test_rare_labels_are_shared_out():
    rng = random.Random(0)
    labels = [Counter({rng.choice("aaaaaaaaab"): 1, rng.choice("xy"): 1}) for _ in range(1000)]
    labels += [Counter({"rare": 1, "a": 1}) for _ in range(10)]
    parts = stratify(labels, [1] * len(labels), [80, 10, 10])
    total: Counter = sum(labels, Counter())
    for part, share in enumerate((0.8, 0.1, 0.1)):
        found: Counter = sum(
            (c for c, p in zip(labels, parts, strict=True) if p == part), Counter()
        )
        assert found["rare"] == 10 * share
        for label, count in total.items():
            assert abs(found[label] - count * share) <= 2
        assert abs(parts.count(part) - share * len(labels)) <= 3


def test_large_groups_are_evened_out_by_small_ones():
    labels = [Counter(a=50), *[Counter(a=1)] * 50]
    parts = stratify(labels, [50, *[1] * 50], [50, 50])
    assert {parts.count(parts[0]), parts.count(1 - parts[0])} == {1, 50}


def test_without_labels_the_shares_count():
    parts = stratify([Counter()] * 100, [1] * 100, [0.7, 0.3], seed=3)
    assert parts.count(0) == 70
    assert parts != sorted(parts)
