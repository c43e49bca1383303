"""Which group goes to which part, so that every label is shared out as the parts are.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the stratification of
multi-label data"): the rarest label first, each of its groups to the part that lacks most of it.
Here the units are groups of records, and a label weighs as often as it occurs in the group.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable, Sequence

Labels = Counter[Hashable]


def stratify(
    groups: Sequence[Labels], sizes: Sequence[int], shares: Sequence[float], seed: int = 0
) -> list[int]:
    """Assign every group to a part.

    groups (Sequence[Counter]): For each group how often it has each label.
    sizes (Sequence[int]): Number of records in each group.
    shares (Sequence[float]): Share of each part; any positive numbers.
    seed (int): For ties.
    RETURNS (list[int]): The part of each group.
    """
    rng = random.Random(seed)
    order = list(range(len(groups)))
    rng.shuffle(order)
    order.sort(key=lambda group: -sizes[group])  # large groups first: small ones even out the rest
    wanted = _Wanted(groups, sizes, shares)
    parts = [-1] * len(groups)
    holders: dict[Hashable, list[int]] = {}
    for group in order:
        for label in groups[group]:
            holders.setdefault(label, []).append(group)
    left = Counter({label: len(found) for label, found in holders.items()})
    while left:
        label = min(left, key=lambda name: (left[name], str(name)))
        for group in holders[label]:
            if parts[group] < 0:
                parts[group] = wanted.best(label, rng)
                wanted.take(parts[group], group)
                for other in groups[group]:
                    left[other] -= 1
        del left[label]
    for group in order:
        if parts[group] < 0:
            parts[group] = wanted.best(None, rng)
            wanted.take(parts[group], group)
    return parts


class _Wanted:
    """What each part still lacks: of every label, and of records."""

    def __init__(
        self, groups: Sequence[Labels], sizes: Sequence[int], shares: Sequence[float]
    ) -> None:
        self.groups, self.sizes = groups, sizes
        total: Labels = Counter()
        for labels in groups:
            total.update(labels)
        whole = sum(shares)
        self.labels = [
            {label: count * share / whole for label, count in total.items()} for share in shares
        ]
        self.records = [sum(sizes) * share / whole for share in shares]

    def best(self, label: Hashable | None, rng: random.Random) -> int:
        """RETURNS (int): The part that lacks most of a label; then of records; then any."""
        parts = range(len(self.records))
        lacks = [self.labels[part].get(label, 0.0) for part in parts]
        return max(parts, key=lambda part: (lacks[part], self.records[part], rng.random()))

    def take(self, part: int, group: int) -> None:
        """Note that a group is in a part."""
        self.records[part] -= self.sizes[group]
        for label, count in self.groups[group].items():
            self.labels[part][label] -= count
