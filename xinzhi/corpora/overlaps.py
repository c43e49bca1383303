"""Which of several overlapping spans to keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import XinzhiError
from .record import SpanTuple

# longest: the longer one; first: the one that begins first; priority: by a list of labels;
# spans: all of them, in a span group, and the longest as entities; error: none of them.
POLICIES = ("longest", "first", "priority", "spans", "error")


def check_policy(policy: str, priority: Sequence[str] = ()) -> None:
    """RAISES (XinzhiError): There is no such policy, or it lacks the list of labels."""
    if policy not in POLICIES:
        raise XinzhiError(
            f"There is no overlap policy '{policy}'.", f"Use one of {', '.join(POLICIES)}."
        )
    if (policy == "priority") != bool(priority):
        raise XinzhiError(
            "The overlap policy 'priority' and a list of labels belong together.",
            "For example: --overlap priority --priority 机构,地点",
        )


def unique(spans: Sequence[SpanTuple]) -> tuple[list[SpanTuple], list[SpanTuple]]:
    """RETURNS (tuple): The spans without copies, in their order; and the copies."""
    kept: dict[SpanTuple, None] = {}
    copies = []
    for span in spans:
        if span in kept:
            copies.append(span)
        kept[span] = None
    return list(kept), copies


def resolve(
    spans: Sequence[SpanTuple], policy: str, priority: Sequence[str] = ()
) -> tuple[list[SpanTuple], list[SpanTuple]]:
    """Choose spans that do not overlap.

    Greedy: the spans are ranked by the policy, and each is kept if no kept one overlaps it. With
    "error" no overlapping span is kept: a choice would be arbitrary.

    spans (Sequence): (start, end, label), each once, none empty.
    policy (str): One of POLICIES; "spans" chooses entities as "longest" does.
    priority (Sequence[str]): For "priority": labels, the most important first; others come last,
        and among equals the longest wins.
    RETURNS (tuple): Kept spans and dropped ones, each in the order of the text.
    """
    ordered = sorted(spans)
    if policy == "error":
        kept = [s for s in ordered if not any(overlap(s, t) for t in ordered if t is not s)]
    else:
        kept = []
        for span in sorted(ordered, key=_ranking(policy, priority)):
            if not any(overlap(span, other) for other in kept):
                kept.append(span)
    chosen = set(kept)
    return sorted(kept), [span for span in ordered if span not in chosen]


def overlap(one: SpanTuple, two: SpanTuple) -> bool:
    """RETURNS (bool): Whether two spans share a character."""
    return one[0] < two[1] and two[0] < one[1]


def has_overlaps(spans: Sequence[SpanTuple]) -> bool:
    """RETURNS (bool): Whether any two spans share a character."""
    furthest = -1
    for start, end, _label in sorted(spans):
        if start < furthest:
            return True
        furthest = max(furthest, end)
    return False


def _ranking(policy: str, priority: Sequence[str]) -> Callable[[SpanTuple], tuple]:
    if policy == "first":
        return lambda span: (span[0], -span[1], span[2])
    ranks = {label: rank for rank, label in enumerate(priority)}
    return lambda span: (ranks.get(span[2], len(ranks)), span[0] - span[1], span[0], span[2])
