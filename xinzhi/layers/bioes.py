"""The BIOES tag scheme as arrays: tag numbers, legal transitions, spans to tags and back.

With L labels there are 4 L + 1 tags: O is 0, then L tags each of B, I, E and S, in label order.
Number 4 L + 1 stands for the boundary before the first and after the last token.
"""

from __future__ import annotations

import numpy as np

OUTSIDE = 0
MISSING = -1
PREFIXES = "BIES"


def n_tags(n_labels: int) -> int:
    """RETURNS (int): The number of tags for so many labels."""
    return 4 * n_labels + 1


def tags_of(prefix: str, n_labels: int) -> slice:
    """RETURNS (slice): The tags with one prefix ("B", "I", "E" or "S"), in label order."""
    first = 1 + PREFIXES.index(prefix) * n_labels
    return slice(first, first + n_labels)


def legal_transitions(n_labels: int) -> np.ndarray:
    """Which tag may follow which.

    RETURNS (ndarray): Booleans, shape (tags + 1, tags + 1), [from, to]; the last row and column are
        the boundary, which acts like an O that is never predicted.
    """
    size = n_tags(n_labels) + 1
    begin, inside, end, single = (np.arange(size)[tags_of(p, n_labels)] for p in PREFIXES)
    after = np.concatenate([[OUTSIDE, size - 1], end, single])
    before = np.concatenate([[OUTSIDE, size - 1], begin, single])
    legal = np.zeros((size, size), dtype=bool)
    legal[np.ix_(after, before)] = True
    for left in (begin, inside):
        for right in (inside, end):
            legal[left, right] = True
    legal[-1, -1] = False
    return legal


def spans_to_tags(
    n_tokens: int, spans: np.ndarray, n_labels: int, *, default: int = OUTSIDE
) -> np.ndarray:
    """Tag the tokens of non-overlapping spans.

    n_tokens (int): Number of tokens.
    spans (ndarray): Rows of start, end (exclusive) and label number, shape (spans, 3).
    default (int): The tag of all other tokens.
    RETURNS (ndarray): Tags, shape (tokens,).
    """
    tags = np.full(n_tokens, default, dtype=np.int64)
    begin, inside, end, single = (tags_of(p, n_labels).start for p in PREFIXES)
    for start, stop, label in spans.tolist():
        tags[start:stop] = inside + label
        tags[start] = begin + label
        tags[stop - 1] = end + label
        if stop - start == 1:
            tags[start] = single + label
    return tags


def tags_to_spans(tags: np.ndarray, n_labels: int) -> np.ndarray:
    """Read the spans from a legal tag sequence (or several, one after the other).

    tags (ndarray): Tags, shape (tokens,).
    RETURNS (ndarray): Rows of start, end (exclusive) and label number, shape (spans, 3).
    """
    kind = (tags - 1) // max(n_labels, 1)
    entity = tags > OUTSIDE
    starts = np.flatnonzero(entity & ((kind == 0) | (kind == 3)))
    ends = np.flatnonzero(entity & ((kind == 2) | (kind == 3))) + 1
    labels = (tags[starts] - 1) % max(n_labels, 1)
    return np.stack([starts, ends, labels], axis=1)
